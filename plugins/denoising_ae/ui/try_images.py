"""The box "Images": denoise one or many images, with a before/after slider."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import IMAGES, Workbench
from plugins._ui.components import chosen, stops
from plugins._ui.events import RESTARTED, message_area, on_box
from plugins.denoising_ae.images.request import DenoiseRequest
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from plugins.denoising_ae.ui.noise_inputs import UNITS_OF, preset
from plugins.denoising_ae.ui.sample_image import LEVEL, NOISE, sample_photograph
from training.errors import UserError

DENOISE_FILES = "plugins.denoising_ae.images.report:denoise_files"
NO_NOISE = "none"
IMAGES_PER_FILE = 3  # in the gallery: before, after, removed noise


def render_denoise_images(workbench: Workbench) -> None:
    """Noisy images in, denoised ones out."""
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            files, sample = _render_files()
            noise, level, seed = _render_noise()
            with gr.Row():
                button, stop = (
                    gr.Button("Denoise", variant="primary", min_width=120),
                    gr.Button("Stop", variant="stop", min_width=80),
                )
            message = message_area()
            settings = _render_settings()
        with gr.Column(scale=7, min_width=320):
            outputs = _render_results()
    workbench.send_to(IMAGES, lambda cleaned: cleaned, [outputs[-1]])
    sample.click(lambda: ([str(sample_photograph())], NOISE, LEVEL), None, [files, noise, level])
    files.upload(lambda: NO_NOISE, None, noise, queue=False)
    inputs = [weights, files, noise, level, seed, *settings]
    triggers = [button.click, message.play]
    work = on_box(triggers, partial(_denoise, workbench), inputs, outputs, message, **RESTARTED)
    stops(stop, work, outputs[1])


def _render_files() -> tuple[gr.File, gr.Button]:
    """The component of the files, the sample photograph at first, and the button that brings it back."""
    files = gr.File(
        [str(sample_photograph())],
        label="Images: any size, 8 or 16 bits",
        file_count="multiple",
        type="filepath",
        height=120,
    )
    return files, gr.Button("Use a sample photograph", size="sm")


def _render_noise() -> list[Any]:
    """The components of the noise to add, its level and seed: the sample begins with noise, an upload without."""
    with gr.Row():
        noise = gr.Dropdown(
            [NO_NOISE, *NOISE_TYPES], value=NOISE, label="Noise to add", info="The image as given is the clean one."
        )
        level = gr.Number(LEVEL, label="Level", info=UNITS_OF[NOISE], min_width=100)
        seed = gr.Number(0, precision=0, minimum=0, label="Seed", min_width=80)
    noise.input(preset, noise, level, queue=False)
    return [noise, level, seed]


def _render_settings() -> list[Any]:
    """The components of strength, self-ensemble, whether to estimate the level, the level, and a clean reference."""
    with gr.Accordion("Strength, noise level, clean reference", open=False):
        strength = gr.Slider(0, 2, 1, step=0.05, label="Strength", info="1 removes what the network predicts as noise.")
        ensemble = gr.Checkbox(
            label="Self-ensemble",
            info="Average over eight rotations and reflections: about 0.1 dB better, eight times slower.",
        )
        automatic = gr.Checkbox(
            True, label="Estimate the noise level", info="Images without noise are left as they are."
        )
        noise_level = gr.Slider(0, 100, 25, step=1, label="Noise level", info="Of 255.", interactive=False)
        clean = gr.File(label="Clean reference, if there is one", type="filepath", height=120)
    automatic.input(lambda on: gr.update(interactive=not on), automatic, noise_level, queue=False)
    return [strength, ensemble, automatic, noise_level, clean]


def _render_results() -> list[Any]:
    """The components of the before/after slider, the summary, the gallery, the scores and the download."""
    slider = gr.ImageSlider(label="Before | after", type="filepath", interactive=False, max_height=460)
    summary = gr.Markdown()
    gallery = gr.Gallery(
        label="All: before, after, removed noise (click one to compare)",
        columns=IMAGES_PER_FILE,
        height="auto",
        elem_classes="snug",
        type="filepath",
        object_fit="contain",
        interactive=False,
    )
    table = gr.Dataframe(label="Scores", interactive=False, wrap=True, visible=False)
    download = gr.File(label="Denoised images (PNG)", file_count="multiple", interactive=False)
    gallery.select(_before_and_after, gallery, slider)
    return [slider, summary, gallery, table, download]


def _denoise(workbench: Workbench, *values: Any) -> Iterator[tuple[Any, ...]]:
    """Values of all inputs -> progress, then the results."""
    name, paths, noise, level, seed, strength, ensemble, automatic, noise_level, clean = values
    images = [chosen(path, "an image") for path in paths or [None]]
    noise = "" if noise == NO_NOISE else noise
    if noise and level is None:
        raise UserError("Level is empty: write how much noise to add.")
    request = DenoiseRequest(
        strength,
        ensemble,
        noise,
        level or 0.0,
        int(seed or 0),
        Path(clean) if clean else None,
        "auto" if automatic else f"{noise_level:g}",
    )
    for result in workbench.stream(DENOISE_FILES, name, images, request):
        if isinstance(result, str):
            yield gr.skip(), result, gr.skip(), gr.skip(), gr.skip()
        else:
            before, after = (result["images"][index][0] for index in (0, 1))
            table = gr.Dataframe(result["table"], visible=len(images) > 1)  # of one image the summary says it
            yield (before, after), result["summary"], result["images"], table, result["files"]


def _before_and_after(event: gr.SelectData, images: list[Any]) -> tuple[Any, Any]:
    """The first two of the clicked file's images."""
    first = int(event.index) // IMAGES_PER_FILE * IMAGES_PER_FILE
    return images[first][0], images[first + 1][0]
