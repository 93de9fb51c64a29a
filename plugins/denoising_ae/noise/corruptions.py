"""Image corruptions, one function per noise type.

Images are (height, width, channels) float32 in [0, 1]; `noise_types` defines the levels.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from plugins.denoising_ae.noise.noise_types import NOISE_TYPES, noise_type

BLOCK = 8  # side of a masked block in pixels


def gaussian(clean: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add independent Gaussian noise of standard deviation sigma/255; not clipped, as in the papers' protocol."""
    return clean + np.float32(sigma / 255) * rng.standard_normal(clean.shape, dtype=np.float32)


def poisson(clean: np.ndarray, peak: float, rng: np.random.Generator) -> np.ndarray:
    """Shot noise: a white pixel receives `peak` photons on average. The variance grows with the brightness."""
    return (rng.poisson(np.clip(clean, 0, 1) * peak) / peak).astype(np.float32)


def salt_and_pepper(clean: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Turn a fraction of the pixels black or white, half each."""
    uniform = rng.random((*clean.shape[:2], 1), dtype=np.float32)
    return np.where(uniform < fraction / 2, 0, np.where(uniform < fraction, 1, clean)).astype(np.float32)


def masked_blocks(clean: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Turn a fraction of the blocks of 8 x 8 pixels black."""
    rows, columns = (-(-side // BLOCK) for side in clean.shape[:2])
    mask = np.repeat(np.repeat(rng.random((rows, columns)) < fraction, BLOCK, 0), BLOCK, 1)
    return np.where(mask[: clean.shape[0], : clean.shape[1], None], np.float32(0), clean)


def blur(clean: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Convolve with a Gaussian of `sigma` pixels, cut off at 3 sigma, borders mirrored."""
    return gaussian_filter(clean, sigma, mode="reflect", radius=int(np.ceil(3 * sigma)), axes=(0, 1))


def jpeg(clean: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    """Compress as JPEG and decode again."""
    pixels = np.rint(np.clip(clean, 0, 1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[2] == 1 else pixels).save(stream, "JPEG", quality=round(quality))
    return (np.asarray(Image.open(stream), dtype=np.float32) / 255).reshape(clean.shape)


CORRUPTIONS: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    function.__name__: function for function in (gaussian, poisson, salt_and_pepper, masked_blocks, blur, jpeg)
}


def sample_level(noise: str, low: float, high: float, rng: np.random.Generator) -> float:
    """A level between two: uniform, or log-uniform for photon counts."""
    if NOISE_TYPES[noise].log_uniform:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return float(rng.uniform(low, high))


def corrupt(clean: np.ndarray, noise: str, level: float, seed: int) -> np.ndarray:
    """Corrupt an image; the same seed gives the same noise.

    Args:
        clean: (height, width, channels) float32 in [0, 1].

    Raises:
        UserError: If there is no such noise, or the level is outside its range.
    """
    noise_type(noise).check_level(level)
    return CORRUPTIONS[noise](clean, level, np.random.default_rng(seed))
