"""The tab of language models: Try, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.gpt_prompting.ui import inspect_tokens
from plugins.gpt_prompting.ui.try_chat import draw_chat
from plugins.gpt_prompting.ui.try_generate import draw_generate
from plugins.gpt_prompting.ui.try_prompt import draw_studio


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
            inspect_tokens.draw_next_token(workbench, tab)
        with gr.Tab("Surprise"):
            inspect_tokens.draw_surprise(workbench)
        with gr.Tab("Attention"):
            inspect_tokens.draw_attention(workbench)
        with gr.Tab("Back to the labels"):
            inspect_tokens.draw_look_back(workbench, parts, query)
