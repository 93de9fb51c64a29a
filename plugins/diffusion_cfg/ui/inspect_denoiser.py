"""Box "Denoiser": one call of the denoiser, from its input to the predicted noise and the predicted image."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.diffusion_cfg.ui.components import QUIET, gallery, image_file, optional_path

TEXT = (
    "One call of the denoiser: given an image at timestep t, it predicts the noise in it. Without that noise, the "
    "image is its prediction of x_0: sharp where little noise was added, the blurred mean of many possible images "
    "where there was much."
)
VIEW = "plugins.diffusion_cfg.inspect.views:denoiser_view"


def render_denoiser(workbench: Workbench) -> None:
    """The noisy input, the predicted noise, the predicted image and the original."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = image_file()
            timestep = gr.Slider(0, 999, 500, step=1, label="Timestep t")
            prompt = gr.Textbox("", label="Caption", placeholder="Empty: the unconditional prediction")
            button = gr.Button("Predict", variant="primary")
            sentence = gr.Markdown()
        with gr.Column(scale=6, min_width=320):
            images = gallery(2)

    def show(name: str, path: str | None, t: float, caption: str) -> tuple[Any, ...]:
        return workbench.call(VIEW, name, optional_path(path), t, caption)

    inputs: list[Any] = [weights, file, timestep, prompt]
    gr.on([button.click, prompt.submit], show, inputs, [images, sentence])
    timestep.release(show, inputs, [images, sentence], **QUIET)
