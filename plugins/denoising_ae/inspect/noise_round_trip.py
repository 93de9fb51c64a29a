"""Noise into the sample photograph and out again."""

from __future__ import annotations

from typing import Any

import numpy as np

from plugins.denoising_ae.images.predictor import ImageDenoisingPredictor
from plugins.denoising_ae.images.preview import array_url
from plugins.denoising_ae.noise.corruptions import corrupt
from plugins.denoising_ae.ui.sample_image import sample_photograph
from training.data.images.decode import decode

SIDE, TOP, LEFT = 192, 60, 230  # of the part of the photograph that is shown: a roof and the sky
SEED = 0


def noise_round_trip(predictor: ImageDenoisingPredictor, level: float) -> dict[str, Any]:
    """The photograph, the same with noise, and what is left of that without it.

    Args:
        level: Standard deviation of the noise in units of 1/255.

    Returns:
        clean, noisy, denoised (data URLs); psnr_noisy, psnr_denoised (dB; infinite without noise).
    """
    clean = decode(sample_photograph()).flat()[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    noisy = np.rint(corrupt(clean.astype(np.float32) / 255, "gaussian", level, SEED).clip(0, 1) * 255).astype(np.uint8)
    denoised = predictor.denoiser.denoise(noisy).pixels
    images = {"clean": clean, "noisy": noisy, "denoised": denoised}
    urls = {name: array_url(image.astype(np.float32) / 255) for name, image in images.items()}
    return urls | {"psnr_noisy": psnr(noisy, clean), "psnr_denoised": psnr(denoised, clean)}


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of images uint8."""
    error = np.square(image.astype(np.float64) - clean).mean()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
