"""A picture for the panel while it trains: noisy, denoised and clean side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from plugins.denoising_ae.images.metrics import psnr
from training.data_url import as_url, image_png

SHOWN = 256  # pixels a side


def preview(denoise: Callable[[Tensor], Tensor], noisy: Tensor, clean: Tensor | None, level: float) -> list[dict]:
    """One sample for the panel.

    Args:
        denoise: A picture (channels, height, width) -> the clean one.
        noisy, clean: (channels, height, width) in [0, 1]; without a clean one two pictures are shown.
    """
    noisy = noisy[:, :SHOWN, :SHOWN]
    denoised, noisy = denoise(noisy).cpu(), noisy.cpu()
    shown = [noisy, denoised]
    caption = "noisy | denoised"
    if clean is not None:
        clean = clean[:, :SHOWN, :SHOWN]
        shown.append(clean)
        at = f" at level {level:g}" if level else ""
        caption = f"noisy{at}, {psnr(noisy, clean):.1f} dB | denoised, {psnr(denoised, clean):.1f} dB | clean"
    return [{"image": data_url(torch.cat(shown, 2)), "caption": caption}]


def data_url(picture: Tensor) -> str:
    """A picture (channels, height, width) in [0, 1] as a PNG in a URL."""
    from PIL import Image

    pixels = np.rint(picture.clamp(0, 1).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return as_url(image_png(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)))
