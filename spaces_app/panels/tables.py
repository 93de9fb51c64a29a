"""Tables as HTML: the preflight sheet and the report of an evaluation. All text is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from training.figures import TITLE
from training.preflight.auto import decided_rows

LEVELS = {"green": "OK", "amber": "Warning", "red": "Error"}
NO_REPORT = {  # why a run has none
    "queued": "",
    "running": "The report appears here after the first evaluation.",
    "finished": "No report: nothing was held out to measure on. Raise eval_share, or give a file to evaluate on.",
    "cancelled": "No report: it was stopped before the first evaluation.",
    "failed": "No report: it failed before the first evaluation.",
    "lost": "No report: it stopped before the first evaluation.",
}
CELL = 160  # characters of a cell of the preview


def found_html(sheet: dict[str, Any]) -> str:
    """The first rows of the data, what was found in them, what was decided by it, and what is known of each column."""
    return preview_html(sheet["sample"]) + sheet_html(sheet)


def decided_html(decided: dict[str, dict[str, Any]]) -> str:
    """What settings that were left to be decided became, and why."""
    rows = [[title, value, reason] for _, title, value, reason in decided_rows(decided)]
    return f"<h3>Decided for you</h3>{table_html(['Setting', 'Value', 'Because of'], rows)}" if rows else ""


def preview_html(rows: Sequence[dict[str, Any]]) -> str:
    """The first rows: a table, and pictures that are part of them."""
    pictures = [row["image"] for row in rows if str(row.get("image", "")).startswith("data:image/")]
    captions = [str(row.get("caption", "")) for row in rows]
    if pictures:
        shown = "".join(
            f'<figure><img src="{html.escape(picture)}" alt="{html.escape(caption or "a picture")}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
            for picture, caption in zip(pictures, captions, strict=False)
        )
        return f'<div class="found-pictures">{shown}</div>'
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_text(row.get(name))[:CELL] for name in names] for row in rows]
    return table_html(names, cells) if names else ""


def columns_of(sheet: Mapping[str, Any]) -> list[str]:
    """The names of the data's columns."""
    return [str(column["name"]) for column in sheet["columns"] if "name" in column]


def sheet_html(sheet: dict[str, Any]) -> str:
    """The preflight sheet, what was decided, and what is known of each column."""
    decided = {(f"{title}: {value}", reason) for _, title, value, reason in decided_rows(sheet["decided"])}
    told = [finding for finding in sheet["findings"] if (finding["title"], finding["detail"]) not in decided]
    findings = "".join(map(_finding_html, told))
    table = f'<table class="sheet" data-verdict="{sheet["verdict"]}">{findings}</table>'
    table += decided_html(sheet["decided"])
    if not sheet["columns"]:
        return table
    columns = table_html(list(sheet["columns"][0]), [list(column.values()) for column in sheet["columns"]])
    return f"{table}<details><summary>Columns</summary>{columns}</details>"


def _finding_html(finding: dict[str, Any]) -> str:
    level, title, detail = (html.escape(finding[name]) for name in ("level", "title", "detail"))
    light = f'<td><span class="light">{LEVELS[finding["level"]]}</span></td>'
    return f'<tr class="{level}">{light}<td>{title}<br><small>{detail}</small></td></tr>'


def result_html(report: dict[str, Any], status: str) -> str:
    """The main figures of a report; without one, why there is none yet, or none at all.

    Args:
        status: Of the run.
    """
    if report:
        return _figures_html(report[TITLE]) if TITLE in report else ""
    sentence = NO_REPORT.get(status, "")
    return f'<p class="no-report">{sentence}</p>' if sentence else ""


def report_html(report: dict[str, Any]) -> str:
    """The tables of the best evaluation."""
    return "".join(
        f"<h3>{html.escape(title)}</h3>{_report_table(table)}" for title, table in report.items() if title != TITLE
    )


def _report_table(table: dict[str, Any]) -> str:
    text = f"<p>{html.escape(table['text'])}</p>" if table.get("text") else ""
    return text + (table_html(table["columns"], table["rows"]) if table["rows"] else "<p>None.</p>")


def _figures_html(table: dict[str, Any]) -> str:
    """The main figures: value, meaning and verdict of each, and the baselines that it was compared with."""
    drawn = []
    for row, better in zip(table["rows"], table.get("better") or [None] * len(table["rows"]), strict=False):
        name, value, baselines, meaning, verdict = (html.escape(str(cell)) for cell in row[:5])
        css = "" if better is None else " better" if better else " not-better"
        told = f'<p class="verdict">{verdict}</p>' if verdict else ""
        beside = f'<p class="baselines">On the same held-out data: {baselines}</p>' if baselines else ""
        drawn.append(
            f'<article class="figure{css}"><h2>{name}</h2><p class="value">{value}</p>{told}<p>{meaning}</p>{beside}'
            "</article>"
        )
    return f'<div class="figures">{"".join(drawn)}</div>'


def table_html(columns: list[Any], rows: list[list[Any]]) -> str:
    """A plain table."""
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row, range(len(row))))}</tr>" for row in rows)
    return f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object, place: int) -> str:
    """A cell; the first holds its words in a box of their own, which theme.css gives a width on a phone."""
    words = html.escape(_text(value))
    return f"<td>{words}</td>" if place else f"<td><span>{words}</span></td>"


def _text(cell: object) -> str:
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else "" if cell is None else str(cell)
