"""The box "Images": denoise one or many images, with a before/after slider."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import IMAGES, Workbench
from plugins._ui.components import chosen, stops
from plugins.denoising_ae.images.request import DenoiseRequest
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from plugins.denoising_ae.ui.noise_inputs import PRESET_LEVELS, UNITS
from plugins.denoising_ae.ui.sample_image import NOISE, sample_photograph

DENOISE_FILES = "plugins.denoising_ae.images.report:denoise_files"
NO_NOISE = "none"
IMAGES_PER_FILE = 3  # in the gallery: before, after, removed noise


def render_denoise_images(workbench: Workbench) -> None:
    """Noisy images in, denoised ones out."""
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            sample, *images = _render_files()
            noise = _render_noise()
            with gr.Row():
                button, stop = gr.Button("Denoise", variant="primary"), gr.Button("Stop", variant="stop")
        with gr.Column(scale=7, min_width=320):
            outputs = _render_results()
    workbench.send_to(IMAGES, lambda cleaned: cleaned, [outputs[-1]])
    sample.click(lambda: ([str(sample_photograph())], NOISE), None, [images[0], noise[0]])
    inputs = [weights, *images, *noise]
    work = button.click(partial(_denoise, workbench), inputs, outputs, show_progress="minimal")
    stops(stop, work, outputs[1])


def _render_files() -> list[Any]:
    """The button for a sample, and the components of files, strength, self-ensemble and noise level."""
    files = gr.File(label="Images: any size, 8 or 16 bits", file_count="multiple", type="filepath", height=150)
    sample = gr.Button("Use a sample photograph", size="sm")
    strength = gr.Slider(0, 2, 1, step=0.05, label="Strength", info="1 removes what the network predicts as noise.")
    ensemble = gr.Checkbox(
        label="Self-ensemble",
        info="Average over eight rotations and reflections: about 0.1 dB better, eight times slower.",
    )
    automatic = gr.Checkbox(True, label="Estimate the noise level", info="Images without noise are left as they are.")
    noise_level = gr.Slider(0, 100, 25, step=1, label="Noise level", info="Of 255.", interactive=False)
    automatic.change(lambda on: gr.update(interactive=not on), automatic, noise_level)
    return [sample, files, strength, ensemble, automatic, noise_level]


def _render_noise() -> list[Any]:
    """The components of the noise to add, its level and seed, and of a clean reference."""
    with gr.Accordion("Add noise first, or compare with a clean image", open=True):
        noise = gr.Dropdown(
            [NO_NOISE, *NOISE_TYPES],
            value=NO_NOISE,
            label="Noise to add",
            info="The given image is then the clean reference.",
        )
        with gr.Row():
            level = gr.Number(25, label="Level")
            seed = gr.Number(0, precision=0, minimum=0, label="Seed")
        gr.Markdown(f"<small>Level: {UNITS}.</small>")
        clean = gr.File(label="Clean reference, if there is one", type="filepath", height=150)
    noise.change(lambda name: PRESET_LEVELS.get(name, 25), noise, level)
    return [noise, level, seed, clean]


def _render_results() -> list[Any]:
    """The components of the before/after slider, the summary, the gallery, the scores and the download."""
    slider = gr.ImageSlider(label="Before | after", type="filepath", interactive=False, height=460)
    summary = gr.Markdown()
    gallery = gr.Gallery(
        label="All: before, after, removed noise (click one to compare)",
        columns=IMAGES_PER_FILE,
        height=240,
        type="filepath",
        object_fit="contain",
        interactive=False,
    )
    table = gr.Dataframe(label="Scores", interactive=False)
    download = gr.File(label="Denoised images (PNG)", file_count="multiple", interactive=False)
    gallery.select(_before_and_after, gallery, slider)
    return [slider, summary, gallery, table, download]


def _denoise(workbench: Workbench, *values: Any) -> Iterator[tuple[Any, ...]]:
    """Values of all inputs -> progress, then the results."""
    name, paths, strength, ensemble, automatic, noise_level, noise, level, seed, clean = values
    images = [chosen(path, "an image") for path in paths or [None]]
    noise = "" if noise == NO_NOISE else noise
    request = DenoiseRequest(
        strength,
        ensemble,
        noise,
        level,
        int(seed or 0),
        Path(clean) if clean else None,
        "auto" if automatic else f"{noise_level:g}",
    )
    for result in workbench.stream(DENOISE_FILES, name, images, request):
        if isinstance(result, str):
            yield gr.skip(), result, gr.skip(), gr.skip(), gr.skip()
        else:
            before, after = (result["images"][index][0] for index in (0, 1))
            yield (before, after), result["summary"], result["images"], result["table"], result["files"]


def _before_and_after(event: gr.SelectData, images: list[Any]) -> tuple[Any, Any]:
    """The first two of the clicked file's images."""
    first = int(event.index) // IMAGES_PER_FILE * IMAGES_PER_FILE
    return images[first][0], images[first + 1][0]
