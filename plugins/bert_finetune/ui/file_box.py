"""Accordion under a box of Try: predictions for every row of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins._ui.events import message_area, on_box


def render_file_box(
    workbench: Workbench,
    endpoint: Callable[..., Path],
    title: str,
    button: str,
    inputs: Sequence[Any],
    file_label: str = "CSV, TSV, JSONL or Parquet",
    send_as: str = "",
) -> None:
    """Render a file input, a button and a file output.

    Args:
        endpoint: Method of the interface that takes a file and the values of `inputs` after the first.
        inputs: The picker of the weights, then further inputs of the endpoint.
        file_label: The expected file.
        send_as: What the output can be trained on as, see `Workbench.send_to`; empty for nothing.
    """
    with gr.Accordion(title, open=False):
        with gr.Row():
            file = gr.File(label=file_label, type="filepath", height=120, min_width=240)
            predictions = gr.File(label="Predictions", interactive=False, height=120, min_width=240)
        message = message_area(f"Choose a file, then press {button}.")
        run = gr.Button(button)
        if send_as:
            workbench.send_to(send_as, lambda result: result, [predictions])

    def predict(path: str | None, name: str, *more: Any) -> str:
        return str(workbench.call(endpoint, name, chosen(path), *more))

    on_box(run.click, predict, [file, *inputs], predictions, message)
