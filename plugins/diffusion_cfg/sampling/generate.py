"""Generate images: sample to the last step and decode; read the initial image of image to image."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
from torch import Tensor

from plugins.diffusion_cfg.data.resize import resize_to_square
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.loop import sample
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.sampling.validate import validated
from training.data.images.decode import decode, to_channels


def generate_images(model: LoadedPipeline, request: GenerationRequest, start: Tensor | None = None) -> Tensor:
    """The request's images, (images, channels, height, width) in [-1, 1].

    Args:
        start: See `sample`.

    Raises:
        UserError: See `sample`.
    """
    last = deque(sample(model, request, start), maxlen=1).pop()  # a request has at least one step
    return model.decode(last.latents)


def initial_latents(model: LoadedPipeline, request: GenerationRequest, file: Path) -> Tensor:
    """Latents of an image file at the request's size, (1, channels, height, width).

    Raises:
        UserError: If it is not an image that can be read.
    """
    return model.encode_images([read_image(model, request, file)])


def read_image(model: LoadedPipeline, request: GenerationRequest, file: Path) -> np.ndarray:
    """An image file at the request's size and in the model's channels, (height, width, channels) uint8."""
    request = validated(model, request)
    pixels = to_channels(decode(file).flat(), model.image_channels)
    side = max(request.height, request.width)
    square = resize_to_square(pixels, side, "crop")
    top, left = (side - request.height) // 2, (side - request.width) // 2
    return np.ascontiguousarray(square[top : top + request.height, left : left + request.width])
