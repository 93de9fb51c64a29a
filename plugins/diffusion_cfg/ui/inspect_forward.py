"""Box "Forward process": an image at a timestep, the noise schedule, and the histogram of the latents."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import LATEST, message_area, on_box
from plugins.diffusion_cfg.ui.components import gallery, image_file, optional_path, plots

TEXT = (
    "Training adds noise to an image: x_t = √ᾱ x_0 + √(1 − ᾱ) ε, from hardly any at timestep 0 to pure noise at "
    "999. **Move the slider** and notice when the picture can no longer be recognised: far before the end. A "
    "latent model adds the noise to the latents; decoded, that looks like a corrupted image, not like grain. "
    "Beside it: the same amount of noise on the pixels."
)
VIEW = "plugins.diffusion_cfg.inspect.views:forward_view"


def render_forward(workbench: Workbench) -> None:
    """A slider over the timesteps, the image before and after, the noise schedule, and the latents' histogram."""
    gr.Markdown(TEXT)
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = image_file()
            timestep = gr.Slider(0, 999, 400, step=1, label="Timestep t")
            button = gr.Button("Add noise", variant="primary")
            message, sentence = message_area(), gr.Markdown()
            download = download_button()
        with gr.Column(scale=6, min_width=320):
            images = gallery(2)
    figures = plots(3)

    def show(name: str, path: str | None, t: float) -> tuple[Any, ...]:
        shown, *charts, about = workbench.call(VIEW, name, optional_path(path), t)
        files = {caption: image for image, caption in shown}
        files |= dict(zip(("noise schedule", "signal-to-noise ratio", "histogram"), charts, strict=True))
        return shown, *charts, about, offer("forward", files)

    inputs: list[Any] = [weights, file, timestep]
    outputs: list[Any] = [images, *figures, sentence, download]
    events = [button.click, timestep.release, weights.change, message.play]
    on_box(events, show, inputs, outputs, message, **LATEST)
