"""The box "Noise conditioning": one image denoised blind and at several noise levels."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins.denoising_ae.ui.sample_image import noisy_sample_photograph

DENOISE_AT_LEVELS = "plugins.denoising_ae.inspect.noise_conditioning:denoise_at_levels"


def render_noise_conditioning(workbench: Workbench) -> None:
    """The network's output for other levels than the image has."""
    gr.Markdown(
        "A noise-conditioned network, given half, once and twice the estimated noise level of the image. A level too "
        "low leaves noise in, a level too high removes detail; *blind* the network infers the level itself."
    )
    weights = workbench.weights_picker()
    file = gr.File(label="Noisy image", type="filepath", height=140)
    sample = gr.Button("Use a noisy sample photograph", size="sm")
    button = gr.Button("Show", variant="primary")
    gallery = gr.Gallery(label="Middle of the image", columns=3, height="auto", interactive=False)

    def show(name: str, path: str | None) -> Any:
        return workbench.call(DENOISE_AT_LEVELS, name, chosen(path, "an image"))

    sample.click(lambda: str(noisy_sample_photograph()), None, file)
    button.click(show, [weights, file], gallery)
