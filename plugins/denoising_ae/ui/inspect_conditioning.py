"""The box "Noise conditioning": one image denoised blind and at several noise levels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins._ui.downloads import download_button, offer
from plugins._ui.events import LATEST, message_area, on_box
from plugins.denoising_ae.ui.sample_image import noisy_sample_photograph

DENOISE_AT_LEVELS = "plugins.denoising_ae.inspect.noise_conditioning:denoise_at_levels"


def render_noise_conditioning(workbench: Workbench) -> None:
    """The network's output for other levels than the image has."""
    gr.Markdown(
        "A noise-conditioned network, given half, once and twice the estimated noise level of the image. A level too "
        "low leaves noise in, a level too high removes detail; *blind* the network infers the level itself. "
        "**Notice** the grain of the sky at half the level, and the roof tiles that are gone at twice."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        file = gr.File(label="Noisy image", type="filepath", height=120)
        with gr.Column():
            sample = gr.Button("Use a noisy sample photograph", size="sm")
            button = gr.Button("Show", variant="primary")
    message = message_area()
    gallery = gr.Gallery(
        label="Middle of the image",
        columns=3,
        height="auto",
        elem_classes="snug",
        object_fit="contain",
        interactive=False,
    )
    download = download_button("Download the images (PNG)")

    def show(name: str, path: str | None) -> tuple[Any, ...]:
        images = workbench.call(DENOISE_AT_LEVELS, name, chosen(path, "an image, or the noisy sample photograph"))
        return images, offer("noise-conditioning", {caption: image for image, caption in images})

    def show_sample(name: str) -> Iterator[tuple[Any, ...]]:
        photograph = str(noisy_sample_photograph())
        yield photograph, *[gr.skip()] * 2  # at once: later it would take the place of an image chosen meanwhile
        yield gr.skip(), *show(name, photograph)

    outputs: list[Any] = [gallery, download]
    on_box([button.click, weights.change], show, [weights, file], outputs, message, **LATEST)
    on_box([sample.click, message.play], show_sample, weights, [file, *outputs], message, keep=[file], **LATEST)
