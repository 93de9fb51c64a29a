"""Chart: figures drawn in the browser as SVG, with a readout of each mark, and downloads as PNG, SVG and CSV.

The value is JSON that `static/chart.js` draws. Nothing is interpolated into a template, since Gradio evaluates
templates as code.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

STATIC = Path(__file__).parent / "static"
Panel = dict[str, Any]


def head() -> str:
    """The code that draws every `Chart`, for the head of a page."""
    code, style = ((STATIC / name).read_text(encoding="utf-8") for name in ("chart.js", "chart.css"))
    return f"<style>{style}</style><script>window.drawChart = (element, props, watch) => {{\n{code}\n}};</script>"


class Chart(gr.HTML):
    """Panels of one result, side by side where there is room; `empty` stands in their place while there are none."""

    def __init__(self, label: str, empty: str = "", **options: Any):
        options.setdefault("value", chart_value([], empty))  # further options come from Gradio's updates
        super().__init__(
            label=label,
            show_label=True,
            min_width=220,
            container=True,
            padding=True,
            html_template='<div class="chart-view"></div>',
            js_on_load="window.drawChart(element, props, watch);",
            apply_default_css=False,
            **options,
        )

    def get_block_name(self) -> str:
        """The page's own component is HTML's."""
        return "html"


def chart_value(panels: Sequence[Panel], empty: str = "") -> str:
    """Serialise the value of a chart."""
    return json.dumps({"panels": list(panels), "empty": empty}, ensure_ascii=False)


def bars(title: str, items: Sequence[tuple[str, float, str]], unit: str = "", note: str = "") -> Panel:
    """A horizontal bar for each (label, value, note).

    Args:
        unit: percent for shares of 1, or a word after each number.
    """
    named = [{"label": label, "value": float(value), "note": remark} for label, value, remark in items]
    return {"kind": "bars", "title": title, "items": named, "unit": unit, "note": note}


def points(title: str, places: Sequence[tuple[float, float, str, str]], x_title: str, y_title: str) -> Panel:
    """A point for each (x, y, label, group); groups have colours and a legend where there are several."""
    named = [{"x": float(x), "y": float(y), "label": label, "group": group} for x, y, label, group in places]
    return {"kind": "points", "title": title, "points": named, "x_title": x_title, "y_title": y_title, "wide": True}


def words(title: str, items: Sequence[Panel], note: str = "", **options: Any) -> Panel:
    """A text, its words on coloured grounds.

    Args:
        items: text; value (a number) or group; tip (further lines of its readout).
        options: groups (name -> words of the legend); signed; unit; ends (words of both ends of the legend); most (the
            number of the strongest colour); gap (pixels between words).
    """
    return {"kind": "words", "title": title, "items": list(items), "note": note, "wide": True, **options}


def matrix(title: str, values: np.ndarray, unit: str = "", note: str = "") -> Panel:
    """One number for each head, (layers, heads), printed in its cell."""
    rounded = np.asarray(values, dtype=float).round(4).tolist()
    return {"kind": "matrix", "title": title, "values": rounded, "unit": unit, "note": note}


def heads(
    tokens: Sequence[str], values: np.ndarray, chosen: tuple[int, int], notes: Sequence[Sequence[str]] = ()
) -> Panel:
    """Attention of all heads as small pictures, and of one as a heat map; the browser changes which.

    Args:
        values: Probabilities, (layers, heads, time, time); sent as 16 bits each, so exact to 1/65535.
        chosen: Layer and head shown at first, from 0.
        notes: A sentence on each head, (layers, heads).
    """
    coded = np.rint(np.clip(values, 0, 1) * 65535).astype("<u2").tobytes()
    layers, count = values.shape[:2]
    about: Mapping[str, Any] = {"layers": layers, "heads": count, "chosen": [int(chosen[0]), int(chosen[1])]}
    names = {"tokens": list(tokens), "notes": [list(row) for row in notes]}
    return {"kind": "heads", "values": base64.b64encode(coded).decode(), **about, **names}
