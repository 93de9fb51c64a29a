"""Look inside: sentence vectors in two dimensions."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.encode.endpoints import Encode

SENTENCES = """The team won the final in overtime.
The striker scored two goals.
The bank raised its interest rates.
Shares fell after the quarterly report.
The court sentenced him to five years.
The judge dismissed the appeal."""


def render(workbench: Workbench) -> None:
    """Render the map of the sentences."""
    gr.Markdown(
        "Each point is the vector of a sentence (the mean of its token vectors) on the first two principal "
        "components. With more "
        "than 12 sentences, points are labelled by line number."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    text = gr.Textbox(SENTENCES, label="Sentences, one per line", lines=7, max_lines=20)
    button = gr.Button("Plot the map", variant="primary")
    plot = gr.Plot(label="Sentences", show_label=False)  # a label would cover some points

    def plot_map(name: str, lines: str) -> Any:
        texts = [line.strip() for line in lines.splitlines() if line.strip()]
        return bench.call("plugins.bert_finetune.inspect.sentence_map:plot_sentence_map", name, texts)

    button.click(plot_map, [weights, text], plot)
