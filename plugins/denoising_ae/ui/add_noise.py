"""The box "Add noise": corrupt one image; needs no weights."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._ui.components import chosen
from plugins._ui.events import LATEST, message_area, on_box
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from plugins.denoising_ae.ui.noise_inputs import UNITS_OF, preset
from plugins.denoising_ae.ui.sample_image import sample_photograph
from training.errors import UserError


def render_add_noise() -> None:
    """One image, clean and corrupted."""
    gr.Markdown("The same seed gives the same noise. No weights are needed.")
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = gr.File(str(sample_photograph()), label="Image", type="filepath", height=140)
            sample = gr.Button("Use a sample photograph", size="sm")
            noise = gr.Dropdown(list(NOISE_TYPES), value="gaussian", label="Noise")
            with gr.Row():
                level = gr.Number(25, label="Level", info=UNITS_OF["gaussian"])
                seed = gr.Number(0, precision=0, minimum=0, label="Seed")
            button = gr.Button("Add noise", variant="primary")
            message = message_area()
        with gr.Column(scale=7, min_width=320):
            slider = gr.ImageSlider(label="Clean | noisy", type="filepath", interactive=False, max_height=420)
            download = gr.File(label="Noisy image (PNG)", interactive=False)

    noise.input(preset, noise, level, queue=False)
    sample.click(lambda: str(sample_photograph()), None, file)
    inputs, outputs = [file, noise, level, seed], [slider, download]
    on_box([button.click, message.play], _add_noise, inputs, outputs, message, **LATEST)


def _add_noise(path: str | None, noise: str, level: float | None, seed: float | None) -> tuple[Any, str]:
    from plugins.denoising_ae.images.files import browser_png, corrupt_file  # scipy: not at the start of the page
    from training.data.images.decode import decode

    file = chosen(path, "an image")
    if level is None:
        raise UserError("Level is empty: write how much noise to add.")
    noisy = corrupt_file(file, noise, level, int(seed or 0))
    return (browser_png(decode(file).srgb()), browser_png(decode(noisy).pixels)), str(noisy)
