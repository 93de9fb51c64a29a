"""Box "Cross-attention": one map per word of the prompt, over the generated image."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import LATEST, message_area, on_box
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.ui.components import gallery, seed_box

TEXT = (
    "At every step, each position of the image attends to the words of the prompt. Bright: positions where this word "
    "has most of the attention to words; each map has its own brightness. **Notice** that *red* and *hair* light up "
    "the head, *man* and *with* the ground around it. Beside the word stands its share of all attention; the shares "
    "sum to 1. A small model puts most of it on the start token and on the padding behind the prompt, (rest)."
)
VIEW = "plugins.diffusion_cfg.inspect.views:attention_view"


def render_attention(workbench: Workbench) -> None:
    """The prompt's words as heat maps over the image."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker(starter=starter.EMOJI)
    with gr.Row():
        prompt = gr.Textbox(starter.ATTENTION_PROMPT, label="Prompt", scale=3)
        seed = seed_box()
        first_share = gr.Slider(0.1, 1, 1, step=0.1, label="Share of the steps, from pure noise", scale=2)
    button = gr.Button("Show attention", variant="primary")
    message = message_area()
    images = gallery(4)
    download = download_button("Download the maps (PNG)")

    def show(name: str, text: str, number: float | None, share: float) -> tuple[Any, ...]:
        maps = workbench.call(VIEW, name, GenerationRequest(text, seed=int(number or 0)), share)
        return maps, offer("attention", {f"{n}-{caption.split()[0]}": image for n, (image, caption) in enumerate(maps)})

    inputs: list[Any] = [weights, prompt, seed, first_share]
    events = [button.click, prompt.submit, weights.change, message.play]
    on_box(events, show, inputs, [images, download], message, **LATEST)
