"""Preview while training: one held-out image noisy, denoised and clean, side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from plugins.denoising_ae.images.metrics import psnr
from training.data_url import as_url, image_png

MAX_SIDE = 256  # pixels


def preview(denoise: Callable[[Tensor], Tensor], noisy: Tensor, clean: Tensor | None, level: float) -> list[dict]:
    """One preview item for the run's panel.

    Args:
        denoise: Image (channels, height, width) -> denoised image.
        noisy, clean: (channels, height, width) in [0, 1]; without a clean one two images are shown.
    """
    noisy = noisy[:, :MAX_SIDE, :MAX_SIDE]
    denoised, noisy = denoise(noisy).cpu(), noisy.cpu()
    if clean is None:
        return [{"image": data_url(torch.cat([noisy, denoised], 2)), "caption": "noisy | denoised"}]
    clean = clean[:, :MAX_SIDE, :MAX_SIDE]
    at_level = f" at level {level:g}" if level else ""
    caption = f"noisy{at_level}, {psnr(noisy, clean):.1f} dB | denoised, {psnr(denoised, clean):.1f} dB | clean"
    return [{"image": data_url(torch.cat([noisy, denoised, clean], 2)), "caption": caption}]


def data_url(image: Tensor) -> str:
    """An image (channels, height, width) in [0, 1] as a PNG in a data URL."""
    pixels = image.permute(1, 2, 0).numpy()
    return array_url(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def array_url(image: np.ndarray) -> str:
    """An image (height, width) or (height, width, 3) in [0, 1] as a PNG in a data URL; values outside are clipped."""
    return as_url(image_png(Image.fromarray(np.rint(image.clip(0, 1) * 255).astype(np.uint8))))
