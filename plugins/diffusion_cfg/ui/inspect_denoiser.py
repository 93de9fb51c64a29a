"""Box "Denoiser": one call of the denoiser, from its input to the predicted noise and the predicted image."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import LATEST, message_area, on_box
from plugins.diffusion_cfg.ui.components import gallery, image_file, optional_path

TEXT = (
    "One call of the denoiser: given an image at timestep t, it predicts the noise in it. Without that noise, the "
    "image is its prediction of x_0: sharp where little noise was added, the blurred mean of many possible images "
    "where there was much. **Notice** how the predicted image turns from one piece of clothing into a mean of "
    "many as t grows."
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
            message, sentence = message_area(), gr.Markdown()
            download = download_button("Download the images (PNG)")
        with gr.Column(scale=6, min_width=320):
            images = gallery(2)

    def show(name: str, path: str | None, t: float, caption: str) -> tuple[Any, ...]:
        shown, about = workbench.call(VIEW, name, optional_path(path), t, caption)
        return shown, about, offer("denoiser", {caption: image for image, caption in shown})

    inputs: list[Any] = [weights, file, timestep, prompt]
    outputs: list[Any] = [images, sentence, download]
    events = [button.click, prompt.submit, timestep.release, weights.change, message.play]
    on_box(events, show, inputs, outputs, message, **LATEST)
