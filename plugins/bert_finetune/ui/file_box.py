"""The fold under a box of "Try": the same question asked of every row of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import chosen
from plugins._contract import Workbench


def render_file_box(
    workbench: Workbench,
    endpoint: Callable[..., Path],
    title: str,
    button: str,
    inputs: Sequence[Any],
    wants: str = "CSV, TSV, JSONL or Parquet",
) -> None:
    """Draw a file in, a button, a file out.

    Args:
        endpoint: Takes the model, the file, and the values of `inputs` after the first.
        inputs: The picker of the weights, then what else the endpoint is given.
        wants: What the file should be.
    """
    with gr.Accordion(title, open=False), gr.Row():
        file = gr.File(label=wants, type="filepath", height=120)
        with gr.Column():
            run = gr.Button(button)
            scored = gr.File(label="Scored CSV", interactive=False)

    def score(path: str | None, name: str, *more: Any) -> str:
        return str(workbench.call(endpoint, name, chosen(path), *more))

    run.click(score, [file, *inputs], scored, api_visibility="private")
