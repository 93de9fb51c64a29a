"""Box of Try: score a file, move the threshold, explain one row."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins._ui.events import EMPTY_TABLE, LATEST, message_area, on_box
from plugins.ae_anomaly.ui.send_rows import render_send_rows
from training.errors import UserError

SAMPLE = Path(__file__).parents[1] / "starter" / "sample.csv"
FIRST = {"quantile": 0.99, "pot": 0.001, "fdr": 0.1, "alerts": 20, "score": 3}
WAYS = [
    ("Quantile of normal rows", "quantile"),
    ("Tail probability (peaks over threshold)", "pot"),
    ("False discovery rate", "fdr"),
    ("Number of alerts", "alerts"),
    ("Score", "score"),
]
ABOUT = {
    "quantile": "Share of normal rows that stay below: 0.99 calls 1 % of them anomalies.",
    "pot": "Share of normal rows above, from the shape of their scores' tail.",
    "fdr": "Share of the alerts that may be false, such as 0.1.",
    "alerts": "How many rows to call anomalies.",
    "score": "The anomaly score from which on a row is an anomaly.",
}
WIDTHS: list[int | str] = ["16%", "24%", "40%", "20%"]  # Gradio takes nothing but pixels and shares rightly


def render(workbench: Workbench) -> None:
    """Render the box."""
    weights, file, ask, message = _render_question(workbench)
    workbench.take_data(weights, file)
    said = gr.Markdown("Score the file to see its most anomalous rows. A sample is chosen already.")
    limit = gr.Slider(0, 1, 0, step=0.001, label="Threshold: drag it and see the alerts", interactive=True)
    with gr.Row():
        figures = [gr.Plot(show_label=False, elem_classes="curves", min_width=300) for _ in range(3)]
    worst = gr.Dataframe(
        EMPTY_TABLE,
        label="The most anomalous rows (click one to ask why)",
        interactive=False,
        wrap=True,
        column_widths=WIDTHS,
    )
    with gr.Row():
        download, scored = gr.Button("Scored file"), gr.File(label="Scored CSV", interactive=False, visible=False)
    shown = [said, *figures, worst]

    def score(name: str, path: str | None, kind: str, number: float | None) -> tuple[Any, ...]:
        if number is None:
            raise UserError("Value is empty: write a number for the threshold.")
        words = f"{number}" if kind == "score" else f"{kind}={number}"
        found = workbench.call("plugins.ae_anomaly.inspect.scoring_view:scoring_view", name, chosen(path), words)
        low, high = found["range"]
        return _slider(low, high, found["limit"]), *_pictures(found)

    def move(name: str, path: str | None, score: float) -> tuple[Any, ...]:
        return _pictures(
            workbench.call("plugins.ae_anomaly.inspect.scoring_view:view_at_threshold", name, chosen(path), score)
        )

    def write(name: str, path: str | None, score: float) -> gr.File:
        return gr.File(
            str(workbench.call("plugins.ae_anomaly.inspect.scoring_view:write_scored_at", name, chosen(path), score)),
            visible=True,
        )

    on_box(
        [ask.click, weights.change, message.play],
        score,
        [weights, file, *ask.inputs],
        [limit, *shown],
        message,
        **LATEST,
    )
    on_box(limit.release, move, [weights, file, limit], shown, message, **{**LATEST, "show_progress": "hidden"})
    on_box(download.click, write, [weights, file, limit], scored, message)
    render_send_rows(workbench, weights, file, limit)
    _render_row(workbench, weights, file, worst)


class _Question:
    """The button that asks, and the components that say how."""

    def __init__(self, button: gr.Button, inputs: list[Any]):
        self.click, self.inputs = button.click, inputs


def _render_question(workbench: Workbench) -> tuple[gr.Dropdown, gr.File, _Question, gr.HTML]:
    weights = workbench.weights_picker()
    with gr.Row():
        file = gr.File(
            str(SAMPLE) if SAMPLE.is_file() else None,
            label="Rows to score: CSV, TSV, JSONL or Parquet",
            type="filepath",
            height=140,
        )
        with gr.Column():
            way = gr.Radio(WAYS, value="quantile", label="Threshold by")
            value = gr.Number(0.99, label="Value", info=ABOUT["quantile"])
            button = gr.Button("Score the file", variant="primary")
    way.input(lambda kind: gr.Number(FIRST[kind], info=ABOUT[kind]), way, value, queue=False)
    return weights, file, _Question(button, [way, value]), message_area()


def _render_row(workbench: Workbench, weights: Any, file: Any, worst: Any) -> None:
    """One row, actual against expected."""
    with gr.Row():
        row = gr.Number(1, precision=0, minimum=1, label="Row of the file (from 1)")
        why = gr.Button("Why is this row anomalous?")
    message, told = message_area(), gr.Markdown()
    picture = gr.Plot(show_label=False, elem_classes="curves", visible=False)
    cells = gr.Dataframe(label="Every cell", interactive=False, visible=False)

    def explain(name: str, path: str | None, number: float) -> tuple[Any, ...]:
        found = workbench.call(
            "plugins.ae_anomaly.inspect.scoring_view:explain_row", name, chosen(path), int(number or 1)
        )
        return found["said"], gr.Plot(found["figure"], visible=True), gr.Dataframe(found["cells"], visible=True)

    def pick(name: str, path: str | None, table: Any, event: gr.SelectData) -> tuple[Any, ...]:
        number = int(table.iloc[event.index[0], 0])
        return number, *explain(name, path, number)

    answers = [told, picture, cells]
    on_box(why.click, explain, [weights, file, row], answers, message, **LATEST)
    on_box(worst.select, pick, [weights, file, worst], [row, *answers], message, keep=[row], **LATEST)


def _slider(low: float, high: float, value: float) -> gr.Slider:
    """A thousandth is fine enough to see; the limit itself must not be rounded up past the alert that it was put at."""
    return gr.Slider(math.floor(low * 100) / 100, math.ceil(high * 100) / 100, value, step=0.001)


def _pictures(found: dict[str, Any]) -> tuple[Any, ...]:
    curves = [gr.Plot(curve, visible=curve is not None) for curve in found["curves"]]
    return found["said"], found["figure"], *curves, found["worst"]
