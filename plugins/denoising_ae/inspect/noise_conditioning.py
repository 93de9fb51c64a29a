"""Noise conditioning: one noisy image denoised blind and conditioned on several noise levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from plugins.denoising_ae.images.files import browser_png
from plugins.denoising_ae.images.predictor import ImageDenoisingPredictor
from plugins.denoising_ae.noise.level_estimation import MIN_SIDE, estimate_noise
from training.data.images.decode import decode
from training.errors import UserError

MAX_SIDE = 384  # pixels; the middle of a larger image
MULTIPLES = (0.5, 1.0, 2.0)  # of the estimated level
DEFAULT_LEVEL = 15.0  # where the image has no one level


def denoise_at_levels(predictor: ImageDenoisingPredictor, file: Path) -> list[tuple[str, str]]:
    """(file, caption) of an image's middle: as given, denoised blind, and at 0.5, 1 and 2 times its estimated level
    (of 15 where it has no one level).

    Raises:
        UserError: If the weights take no level, or the image is too small.
    """
    denoiser, pixels = predictor.denoiser, decode(file).flat()
    top, left = (max(0, side - MAX_SIDE) // 2 for side in pixels.shape[:2])
    pixels = pixels[top : top + MAX_SIDE, left : left + MAX_SIDE]
    estimate = estimate_noise(pixels.astype(np.float32) / 255)
    if not denoiser.model.config.noise_conditioned or min(pixels.shape[:2]) < MIN_SIDE:
        raise UserError("These weights take no noise level, or the image is smaller than 16 pixels a side.")
    level = estimate.level or DEFAULT_LEVEL
    caption = f"given, estimated level {level:.1f}" if estimate.level else f"given: {estimate.reason}"
    images = {caption: pixels, "blind": denoiser.denoise_at_level(pixels, None)}
    for multiple in MULTIPLES:
        images[f"level {multiple * level:.1f}"] = denoiser.denoise_at_level(pixels, multiple * level)
    return [(browser_png(image), caption) for caption, image in images.items()]
