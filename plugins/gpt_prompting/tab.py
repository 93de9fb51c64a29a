"""The tab of language models: Try, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.gpt_prompting import inside_boxes
from plugins.gpt_prompting.chat_boxes import draw_chat
from plugins.gpt_prompting.generate_boxes import draw_generate
from plugins.gpt_prompting.studio_boxes import draw_studio


def draw(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Prompt studio"):
            parts, query = draw_studio(workbench)
        with gr.Tab("Write"):
            draw_generate(workbench)
        with gr.Tab("Chat"):
            draw_chat(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Next token") as tab:
            inside_boxes.draw_next_token(workbench, tab)
        with gr.Tab("Surprise"):
            inside_boxes.draw_surprise(workbench)
        with gr.Tab("Attention"):
            inside_boxes.draw_attention(workbench)
        with gr.Tab("Back to the labels"):
            inside_boxes.draw_look_back(workbench, parts, query)
