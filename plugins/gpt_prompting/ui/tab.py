"""The tab of language models: Try, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.gpt_prompting.ui import inspect_tokens
from plugins.gpt_prompting.ui.try_chat import render_chat
from plugins.gpt_prompting.ui.try_generate import render_generate
from plugins.gpt_prompting.ui.try_prompt import render_prompt


def render(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Prompt studio"):
            parts, query = render_prompt(workbench)
        with gr.Tab("Write"):
            render_generate(workbench)
        with gr.Tab("Chat"):
            render_chat(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Next token") as tab:
            inspect_tokens.render_next_token(workbench, tab)
        with gr.Tab("Surprise"):
            inspect_tokens.render_surprisal(workbench)
        with gr.Tab("Attention"):
            inspect_tokens.render_attention(workbench)
        with gr.Tab("Back to the labels"):
            inspect_tokens.render_attention_to_labels(workbench, parts, query)
