"""Results as HTML: bars, tables, strips of pictures, curves. All text is escaped here; colours are the page's own."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

Curve = Sequence[tuple[float, float]]
WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 560, 264, 46, 28, 54  # of a chart, and its margins, in units of its view box


def paragraph(text: str, css: str = "") -> str:
    """A paragraph."""
    return f'<p class="{css}">{html.escape(text)}</p>' if css else f"<p>{html.escape(text)}</p>"


def bars(title: str, items: Sequence[tuple[str, float, str]]) -> str:
    """A bar for each (label, share of 1, what is written beside it)."""
    lines = "".join(
        f'<tr><th scope="row">{html.escape(label)}</th>'
        f'<td class="bar"><span style="width:{100 * min(1.0, max(0.0, share)):.1f}%"></span></td>'
        f"<td>{html.escape(beside)}</td></tr>"
        for label, share, beside in items
    )
    return f'<table class="drawn-bars"><caption>{html.escape(title)}</caption><tbody>{lines}</tbody></table>'


def percent_bars(title: str, items: Sequence[tuple[str, float]]) -> str:
    """A bar for each (label, probability)."""
    return bars(title, [(label, share, f"{share:.0%}" if share >= 0.01 else "< 1%") for label, share in items])


def table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls sideways where it does not fit."""
    head = "".join(f'<th scope="col">{html.escape(each)}</th>' for each in headers)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return _scrolls(
        title,
        f'<table class="drawn-table"><caption>{html.escape(title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
    )


def pictures(title: str, items: Sequence[tuple[str, str]], css: str = "") -> str:
    """A strip of pictures (data URL, caption)."""
    figures = "".join(
        f'<figure><img src="{html.escape(url, quote=True)}" alt="{html.escape(f"{title}: {caption}", quote=True)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for url, caption in items
    )
    heading = f"<h3>{html.escape(title)}</h3>" if title else ""
    return heading + _scrolls(title or "Pictures", f'<div class="drawn-strip {css}">{figures}</div>')


def picture(url: str, described: str) -> str:
    """One picture over the whole width."""
    image = f'<img class="drawn-wide" src="{html.escape(url, quote=True)}" alt="{html.escape(described, quote=True)}">'
    return _scrolls(described, image)


def side_by_side(*parts: str) -> str:
    """Parts beside each other where there is room."""
    return f'<div class="drawn-beside">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def shaded_words(title: str, words: Sequence[tuple[str, float]], tip: str) -> str:
    """A text whose pieces stand on a ground that is the stronger, the nearer their number is to 1."""
    drawn = "".join(
        f'<span style="--share:{100 * share:.0f}%" title="{html.escape(tip, quote=True)}: {share:.0%}">'
        f"{html.escape(word)}</span>"
        for word, share in words
    )
    return f'<h3>{html.escape(title)}</h3><p class="drawn-words">{drawn}</p>'


def curves(title: str, x_title: str, y_title: str, lines: Mapping[str, Curve]) -> str:
    """Lines over a logarithmic x axis, each named at its end of the legend, with its numbers as points."""
    xs = [math.log(x) for line in lines.values() for x, _ in line]
    low, high = min(xs), max(xs)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - low) / max(1e-9, high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), (HEIGHT - BOTTOM) * (1 - y) + 8

    grid = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place(math.exp(low), y)[1]:.1f}" '
        f'y2="{place(math.exp(low), y)[1]:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{place(math.exp(low), y)[1] + 4:.1f}" text-anchor="end">{y:g}</text>'
        for y in (0, 0.25, 0.5, 0.75, 1)
    )
    ticks = "".join(
        f'<text x="{place(x, 0)[0]:.1f}" y="{HEIGHT - BOTTOM + 26}" text-anchor="middle">{x:,.0f}</text>'
        for x in sorted({x for line in lines.values() for x, _ in line})
    )
    drawn = "".join(_line(number, [place(x, y) for x, y in line]) for number, line in enumerate(lines.values()))
    legend = "".join(f'<li class="line-{number}">{html.escape(name)}</li>' for number, name in enumerate(lines))
    described = html.escape(f"{title}: {y_title} over {x_title}", quote=True)
    return (
        f'<figure class="drawn-curves"><figcaption>{html.escape(title)}</figcaption><ul class="legend">{legend}</ul>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{described}">{grid}{ticks}'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 5}" text-anchor="middle">{html.escape(x_title)}</text>'
        f"{drawn}</svg></figure>"
    )


def _line(number: int, points: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points)
    return f'<g class="line-{number}"><polyline points="{path}"/>{dots}</g>'


def _scrolls(label: str, inner: str) -> str:
    name = html.escape(label, quote=True)
    return f'<div class="drawn-scroll" role="group" tabindex="0" aria-label="{name}">{inner}</div>'
