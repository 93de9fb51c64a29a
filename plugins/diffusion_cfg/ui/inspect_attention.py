"""Box "Cross-attention": one map per word of the prompt, over the generated image."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.ui.components import gallery, seed_box

TEXT = (
    "At every step, each position of the image attends to the words of the prompt. Bright: positions that attend to "
    "this word most; each map has its own brightness. Beside the word stands its share of all attention; the shares "
    "sum to 1. A small model puts much of it on the start token and on the padding behind the prompt, (rest)."
)
VIEW = "plugins.diffusion_cfg.inspect.views:attention_view"


def render_attention(workbench: Workbench) -> None:
    """The prompt's words as heat maps over the image."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker()
    with gr.Row():
        prompt = gr.Textbox(starter.PROMPTS[0], label="Prompt", scale=3)
        seed = seed_box()
        first_share = gr.Slider(0.1, 1, 1, step=0.1, label="Share of the steps, from pure noise", scale=2)
    button = gr.Button("Show attention", variant="primary")
    images = gallery(4)

    def show(name: str, text: str, number: float | None, share: float) -> Any:
        return workbench.call(VIEW, name, GenerationRequest(text, guidance_scale=4, seed=int(number or 0)), share)

    gr.on([button.click, prompt.submit], show, [weights, prompt, seed, first_share], images)
