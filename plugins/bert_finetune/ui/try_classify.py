"""Try a text classifier: label probabilities of a text, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.classify.endpoints import Classify
from plugins.bert_finetune.ui.file_box import render_file_box

EXAMPLES = [
    "a stirring , funny and finally transporting film",
    "dull , overlong and badly acted",
    "not bad at all",
    "I wanted to like it , but the plot goes nowhere",
]


def render(workbench: Workbench) -> None:
    """Render the text, the label probabilities, and the file box."""
    bench = workbench.on(Classify)
    weights = bench.weights_picker()
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(EXAMPLES[0], label="Text", lines=4, placeholder="Write a sentence, or choose an example.")
            pair = gr.Textbox(label="Second text", lines=2, placeholder="For a model that was trained on pairs.")
            button = gr.Button("Classify", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
        with gr.Column():
            label = gr.Label(label="Label", num_top_classes=8)
    render_file_box(bench, Classify.classify_file, "Classify a file", "Classify every row", [weights])

    def classify(name: str, first: str, second: str) -> Any:
        return bench.call(Classify.classify, name, first, second)["probabilities"]

    gr.on([button.click, text.submit], classify, [weights, text, pair], label)
