"""The tab of the encoder: Try, and Look inside."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune import endpoints
from plugins.bert_finetune.ui import inspect_boxes
from plugins.bert_finetune.ui.file_box import render_file_box
from plugins.bert_finetune.ui.try_answer import render_answer
from plugins.bert_finetune.ui.try_pretrain import render_fill_mask, render_next_sentence
from plugins.bert_finetune.ui.try_tag import render_tag
from plugins.bert_finetune.ui.try_translate import render_translate

EXAMPLES = [
    "a stirring , funny and finally transporting film",
    "dull , overlong and badly acted",
    "not bad at all",
    "I wanted to like it , but the plot goes nowhere",
]


def render(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Label"):
            _render_classify(workbench)
        with gr.Tab("Entities"):
            render_tag(workbench)
        with gr.Tab("Questions"):
            render_answer(workbench)
        with gr.Tab("Translation"):
            render_translate(workbench)
        with gr.Tab("Hidden words"):
            render_fill_mask(workbench)
        with gr.Tab("Next sentence"):
            render_next_sentence(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Why this label"):
            inspect_boxes.render_explain(workbench)
        with gr.Tab("Attention"):
            inspect_boxes.render_attention(workbench)
        with gr.Tab("What masking does"):
            inspect_boxes.render_masking(workbench)
        with gr.Tab("Your domain's words"):
            inspect_boxes.render_tokenisation(workbench)
        with gr.Tab("Map of sentences"):
            inspect_boxes.render_sentence_map(workbench)


def _render_classify(workbench: Workbench) -> None:
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(
                EXAMPLES[0], label="Text", lines=4, placeholder="Write a sentence, or take an example below."
            )
            pair = gr.Textbox(label="Second text", lines=2, placeholder="For a model that was trained on pairs.")
            button = gr.Button("Classify", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
        with gr.Column():
            label = gr.Label(label="Label", num_top_classes=8)
    render_file_box(workbench, endpoints.classify_file, "Classify a file", "Classify every row", [weights])

    def classify(name: str, first: str, second: str) -> Any:
        return workbench.call(endpoints.classify, name, first, second)["probabilities"]

    gr.on([button.click, text.submit], classify, [weights, text, pair], label, api_visibility="private")
