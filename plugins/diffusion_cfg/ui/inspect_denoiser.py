"""Boxes of "Look inside" about a picture and one look of the denoiser: the forward process, what it removes, where it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE
from plugins._contract import Workbench
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.request import Recipe

QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
FORWARD = (
    "Training adds noise to a picture: x_t = √ᾱ x_0 + √(1 − ᾱ) ε. At timestep 0 there is hardly any; at 999 hardly anything else. **Move the slider.** "
    "A latent model's noise is added to the latents, and what you see is decoded: it looks like a broken picture, not like grain. Beside it, as much on the pixels."
)
DENOISER = (
    "One call of the denoiser: it is handed a picture at timestep t, and says what noise is in it. What is left without that noise is its "
    "guess of the clean picture: sharp where little noise was added, a blurred mean of what could have been where there was much."
)
ATTENTION = (
    "At every step each place of the picture looks at the words of the prompt (cross-attention). Bright: from here, this word is looked at most. Each map has its own brightness; "
    "beside the word stands its share of all attention, and the shares sum to 1. A small model puts much on the start and on the filling behind the prompt, (rest)."
)


def draw_forward(workbench: Workbench) -> None:
    """A slider over the timesteps, the picture before and after, the schedule's curves, and the numbers turning Gaussian."""
    gr.Markdown(FORWARD)
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = _picture_file()
            timestep = gr.Slider(0, 999, 400, step=1, label="Timestep t")
            button = gr.Button("Add noise", variant="primary")
            said = gr.Markdown()
        with gr.Column(scale=6, min_width=320):
            gallery = _gallery(3)
    with gr.Row():
        plots = [gr.Plot(show_label=False, min_width=300) for _ in range(3)]

    def show(name: str, path: str | None, at: float) -> tuple[Any, ...]:
        return workbench.call(_forward, name, _given(path), at)

    outputs: list[Any] = [gallery, *plots, said]
    button.click(show, [weights, file, timestep], outputs, **PRIVATE)
    timestep.release(show, [weights, file, timestep], outputs, **QUIET)


def draw_denoiser(workbench: Workbench) -> None:
    """Noisy, what is removed, what is left, and what it should have been."""
    gr.Markdown(DENOISER)
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = _picture_file()
            timestep = gr.Slider(0, 999, 500, step=1, label="Timestep t")
            prompt = gr.Textbox("", label="What it is told", placeholder="Empty: it is told nothing")
            button = gr.Button("Let it look", variant="primary")
            said = gr.Markdown()
        with gr.Column(scale=6, min_width=320):
            gallery = _gallery(2)

    def look(name: str, path: str | None, at: float, words: str) -> tuple[Any, ...]:
        return workbench.call(_looked, name, _given(path), at, words)

    inputs: list[Any] = [weights, file, timestep, prompt]
    gr.on([button.click, prompt.submit], look, inputs, [gallery, said], **PRIVATE)
    timestep.release(look, inputs, [gallery, said], **QUIET)


def draw_attention(workbench: Workbench) -> None:
    """A map a word."""
    gr.Markdown(ATTENTION)
    weights = workbench.weights_picker()
    with gr.Row():
        prompt = gr.Textbox(starter.PROMPTS[0], label="Prompt", scale=3)
        seed = gr.Number(0, precision=0, minimum=0, label="Seed", scale=1)
        share = gr.Slider(0.1, 1, 1, step=0.1, label="Share of the steps, from noise on", scale=2)
    button = gr.Button("Show", variant="primary")
    gallery = _gallery(4)

    def show(name: str, words: str, at: float, part: float) -> Any:
        return workbench.call(_attention, name, Recipe(words, guidance_scale=4, seed=int(at or 0)), part)

    gr.on([button.click, prompt.submit], show, [weights, prompt, seed, share], gallery, **PRIVATE)


def strip_picture(visible: bool = True) -> gr.Image:
    """A strip: its words are in the picture, so that no label covers them."""
    return gr.Image(show_label=False, type="pil", format="png", interactive=False, buttons=["download", "fullscreen"], elem_classes="strip", visible=visible)  # fmt: skip


def _picture_file() -> gr.File:
    return gr.File(label="Your picture; without one the model draws its own", type="filepath", height=160)


def _gallery(columns: int) -> gr.Gallery:
    return gr.Gallery(show_label=False, columns=columns, object_fit="contain", format="png", interactive=False, buttons=["download", "fullscreen"], elem_classes="snug")  # fmt: skip


def _given(path: str | None) -> Path | None:
    return Path(path) if path else None


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _forward(model: Any, file: Path | None, timestep: float) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inspect.views import forward

    return forward(model, file, timestep)


def _looked(model: Any, file: Path | None, timestep: float, prompt: str) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inspect.views import looked

    return looked(model, file, timestep, prompt)


def _attention(model: Any, recipe: Recipe, share: float) -> Any:
    from plugins.diffusion_cfg.inspect.views import attention

    return attention(model, recipe, share)
