"""Tab of language models: Try, and Look inside."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.ui.inspect_attention import render_attention, render_attention_to_labels
from plugins.gpt_prompting.ui.inspect_tokens import render_next_token, render_surprisal
from plugins.gpt_prompting.ui.try_chat import render_chat
from plugins.gpt_prompting.ui.try_generate import render_generate
from plugins.gpt_prompting.ui.try_prompt import render_prompt


def render(workbench: Workbench) -> None:
    """Render both tabs, for weights that answer `Prompting`."""
    workbench = workbench.on(Prompting)
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Few-shot prompt"):
            prompt, query = render_prompt(workbench)
        with gr.Tab("Generate"):
            render_generate(workbench)
        with gr.Tab("Chat"):
            render_chat(workbench)
    with gr.Tab("Look inside"), gr.Tabs():
        with gr.Tab("Next token"):
            render_next_token(workbench)
        with gr.Tab("Token surprisal"):
            render_surprisal(workbench)
        with gr.Tab("Attention"):
            render_attention(workbench)
        with gr.Tab("Attention to labels"):
            render_attention_to_labels(workbench, prompt, query)
