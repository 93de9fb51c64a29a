"""Boxes of "Look inside" about a picture and one look of the denoiser: the forward process, what it removes, where it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE
from plugins._contract import Workbench
from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.sampling.recipe import Recipe

QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
FORWARD = (
    "Training adds noise to a picture: x_t = √ᾱ x_0 + √(1 − ᾱ) ε. At timestep 0 there is hardly any; at 999 hardly anything else. "
    "Of a latent model the noise is added to the latents, and what you see is decoded."
)
DENOISER = (
    "One call of the denoiser: it is handed a picture at timestep t, and says what noise is in it. What is left without that noise is its "
    "guess of the clean picture: sharp where little noise was added, a blurred mean of what could have been where there was much."
)
ATTENTION = (
    "At every step each place of the picture looks at the words of the prompt. Bright: this word is looked at from here. All maps at a place "
    "sum to 1; beside the word stands its share. A small model puts much on the start and on the filling behind the prompt."
)


def draw_forward(workbench: Workbench) -> None:
    """A slider over the timesteps, the schedule's curves, and the numbers turning Gaussian."""
    gr.Markdown(FORWARD)
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = _picture_file()
            timestep = gr.Slider(0, 999, 400, step=1, label="Timestep t")
            button = gr.Button("Add noise", variant="primary")
            said = gr.Markdown()
        with gr.Column(scale=6, min_width=320):
            picture = gr.Image(label="x_t", interactive=False, height=300, type="pil")
            curves = gr.Plot(label="Schedule")
            histogram = gr.Plot(label="What the denoiser sees")

    def show(name: str, path: str | None, at: float) -> tuple[Any, ...]:
        return workbench.call(_forward, name, _given(path), at)

    outputs: list[Any] = [picture, curves, histogram, said]
    button.click(show, [weights, file, timestep], outputs, **PRIVATE)
    timestep.release(show, [weights, file, timestep], outputs, **QUIET)


def draw_denoiser(workbench: Workbench) -> None:
    """Noisy, what is removed, what is left."""
    gr.Markdown(DENOISER)
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = _picture_file()
            timestep = gr.Slider(0, 999, 500, step=1, label="Timestep t")
            prompt = gr.Textbox("", label="What it is told", placeholder="Empty: nothing, as the unconditional model")
            button = gr.Button("Let it look", variant="primary")
            said = gr.Markdown()
        with gr.Column(scale=6, min_width=320):
            gallery = gr.Gallery(label="Handed to it | what it takes for noise | what is left", columns=3, height=330, object_fit="contain", interactive=False)  # fmt: skip

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
    plot = gr.Plot(label="Where it looks")

    def show(name: str, words: str, at: float, part: float) -> Any:
        return workbench.call(_attention, name, Recipe(words, guidance_scale=4, seed=int(at or 0)), part)

    gr.on([button.click, prompt.submit], show, [weights, prompt, seed, share], plot, **PRIVATE)


def _picture_file() -> gr.File:
    return gr.File(label="Your picture; without one the model draws its own", type="filepath", height=130)


def _given(path: str | None) -> Path | None:
    return Path(path) if path else None


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _forward(model: Any, file: Path | None, timestep: float) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inside.desk import forward

    return forward(model, file, timestep)


def _looked(model: Any, file: Path | None, timestep: float, prompt: str) -> tuple[Any, ...]:
    from plugins.diffusion_cfg.inside.desk import looked

    return looked(model, file, timestep, prompt)


def _attention(model: Any, recipe: Recipe, share: float) -> Any:
    from plugins.diffusion_cfg.inside.desk import attention

    return attention(model, recipe, share)
