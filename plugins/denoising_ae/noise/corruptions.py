"""The ways a picture is spoiled. Pictures are (height, width, channels) float32 in [0, 1]; what a level means says `levels`."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

from plugins.denoising_ae.noise.noise_types import NOISES, noise_named

BLOCK = 8  # pixels a side of a masked block


def gaussian(clean: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    """Add independent Gaussian noise of deviation sigma/255; not clipped, as in the papers' protocol."""
    return clean + np.float32(sigma / 255) * random.standard_normal(clean.shape, dtype=np.float32)


def poisson(clean: np.ndarray, peak: float, random: np.random.Generator) -> np.ndarray:
    """Count photons, of which white sends `peak` a pixel: dark parts get little noise, bright ones more."""
    return (random.poisson(np.clip(clean, 0, 1) * peak) / peak).astype(np.float32)


def salt_and_pepper(clean: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Turn a share of the pixels black or white."""
    drawn = random.random((*clean.shape[:2], 1), dtype=np.float32)
    return np.where(drawn < share / 2, 0, np.where(drawn < share, 1, clean)).astype(np.float32)


def masked_blocks(clean: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Turn a share of the blocks of 8 x 8 pixels black."""
    rows, columns = (-(-side // BLOCK) for side in clean.shape[:2])
    hidden = np.repeat(np.repeat(random.random((rows, columns)) < share, BLOCK, 0), BLOCK, 1)
    return np.where(hidden[: clean.shape[0], : clean.shape[1], None], np.float32(0), clean)


def blur(clean: np.ndarray, radius: float, random: np.random.Generator) -> np.ndarray:
    """Convolve with a Gaussian of deviation `radius` pixels, the border mirrored."""
    reach = int(np.ceil(3 * radius))
    if not reach:
        return clean
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * radius**2)).astype(np.float32)
    weights /= weights.sum()
    out = clean
    for axis in (0, 1):
        pads = [(reach, reach) if each == axis else (0, 0) for each in range(3)]
        padded, size = np.pad(out, pads, mode="symmetric"), clean.shape[axis]
        out = np.zeros_like(clean)
        for place, weight in enumerate(weights):
            out += weight * padded.take(range(place, place + size), axis)
    return out


def jpeg(clean: np.ndarray, quality: float, random: np.random.Generator) -> np.ndarray:
    """Save as JPEG and read again."""
    from PIL import Image

    pixels = np.rint(np.clip(clean, 0, 1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[2] == 1 else pixels).save(stream, "JPEG", quality=round(quality))
    return (np.asarray(Image.open(stream), dtype=np.float32) / 255).reshape(clean.shape)


APPLY: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    each.__name__: each for each in (gaussian, poisson, salt_and_pepper, masked_blocks, blur, jpeg)
}


def draw_level(noise: str, low: float, high: float, random: np.random.Generator) -> float:
    """A level between two: evenly, or of photons evenly in their logarithm."""
    if NOISES[noise].logarithmic:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))
    return float(random.uniform(low, high))


def corrupt(clean: np.ndarray, noise: str, level: float, seed: int) -> np.ndarray:
    """Spoil a picture, the same for the same seed.

    Args:
        clean: (height, width, channels) float32 in [0, 1].

    Raises:
        UserError: If there is no such noise, or the level is outside its range.
    """
    noise_named(noise).check(level)
    return APPLY[noise](clean, level, np.random.default_rng(seed))
