"""The tab of the encoders: Try and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.ui import (
    inspect_attention,
    inspect_explanation,
    inspect_masking,
    inspect_sentence_map,
    inspect_tokenisation,
    try_answer,
    try_classify,
    try_label,
    try_names,
    try_pretrain,
    try_tag,
    try_translate,
)


def render(workbench: Workbench) -> None:
    """Render both tabs."""
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Classify"):
            try_classify.render(workbench)
        with gr.Tab("No labels"):
            try_names.render(workbench)
        with gr.Tab("Label texts"):
            try_label.render(workbench)
        with gr.Tab("Named entities"):
            try_tag.render(workbench)
        with gr.Tab("Question answering"):
            try_answer.render(workbench)
        with gr.Tab("Translation"):
            try_translate.render(workbench)
        with gr.Tab("Fill mask"):
            try_pretrain.render_fill_mask(workbench)
        with gr.Tab("Next sentence"):
            try_pretrain.render_next_sentence(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Explanation"):
            inspect_explanation.render(workbench)
        with gr.Tab("Attention"):
            inspect_attention.render(workbench)
        with gr.Tab("Masking"):
            inspect_masking.render(workbench)
        with gr.Tab("Tokenisation"):
            inspect_tokenisation.render(workbench)
        with gr.Tab("Sentence map"):
            inspect_sentence_map.render(workbench)
