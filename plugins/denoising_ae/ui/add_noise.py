"""The box "Add noise": corrupt one image; needs no weights."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._ui.components import chosen
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from plugins.denoising_ae.ui.noise_inputs import PRESET_LEVELS, UNITS
from plugins.denoising_ae.ui.sample_image import sample_photograph


def render_add_noise() -> None:
    """One image, clean and corrupted."""
    gr.Markdown("The same seed gives the same noise. Level: " + UNITS)
    with gr.Row():
        with gr.Column(scale=4, min_width=300):
            file = gr.File(label="Image", type="filepath", height=140)
            sample = gr.Button("Use a sample photograph", size="sm")
            noise = gr.Dropdown(list(NOISE_TYPES), value="gaussian", label="Noise")
            with gr.Row():
                level = gr.Number(25, label="Level")
                seed = gr.Number(0, precision=0, minimum=0, label="Seed")
            button = gr.Button("Add noise", variant="primary")
        with gr.Column(scale=7, min_width=320):
            slider = gr.ImageSlider(label="Clean | noisy", type="filepath", interactive=False, height=420)
            download = gr.File(label="Noisy image (PNG)", interactive=False)

    noise.change(lambda name: PRESET_LEVELS[name], noise, level)
    sample.click(lambda: str(sample_photograph()), None, file)
    button.click(_add_noise, [file, noise, level, seed], [slider, download])


def _add_noise(path: str | None, noise: str, level: float, seed: float | None) -> tuple[Any, str]:
    from plugins.denoising_ae.images.files import browser_png, corrupt_file  # scipy: not at the start of the page
    from training.data.images.decode import decode

    file = chosen(path, "an image")
    noisy = corrupt_file(file, noise, level, int(seed or 0))
    return (browser_png(decode(file).srgb()), browser_png(decode(noisy).pixels)), str(noisy)
