"""Stream a generation: previews of the predicted images while it samples, then the finished files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from torch import Tensor

from plugins.diffusion_cfg.images import enlarged, to_image
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import initial_latents
from plugins.diffusion_cfg.sampling.loop import sample
from plugins.diffusion_cfg.sampling.png_metadata import save_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest

PREVIEW_SECONDS = 0.4  # between previews: decoding one costs more than a step of a small model

Progress = tuple[list[Image.Image], str, list[str]]


def stream_generation(model: LoadedPipeline, request: GenerationRequest, file: Path | None) -> Iterator[Progress]:
    """Yield previews of the request's images (their predicted x_0) while they are sampled, and the images at the end.

    Args:
        file: The initial image of image to image.

    Yields:
        Images, a sentence about them, and the paths of the PNG files (none until the end).
    """
    start = initial_latents(model, request, file) if file else None
    began = previewed = time.monotonic()
    step = None
    for step in sample(model, request, start):
        if time.monotonic() - previewed > PREVIEW_SECONDS and step.number < step.total:
            yield _display(model.decode(step.clean)), f"Step {step.number} of {step.total}: the predicted image", []
            previewed = time.monotonic()
    assert step is not None  # a request has at least one step
    images = model.decode(step.latents)
    seconds = time.monotonic() - began
    files = [str(path) for path in save_images(model, request, images, file)]
    height, width = images.shape[2:]
    sentence = f"{len(images)} of {width} x {height} in {seconds:.1f} s, seeds from {request.seed} on."
    yield _display(images), sentence, files


def _display(images: Tensor) -> list[Image.Image]:
    return [enlarged(to_image(image)) for image in images]
