"""Random training patches: cropped, rotated, mirrored and corrupted, from the generator of the step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from plugins.denoising_ae.noise.corruptions import CORRUPTIONS, sample_level
from plugins.denoising_ae.noise.noise_types import NOISE_TYPES


def random_patches(images: Sequence[np.ndarray], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The same random square of images of one shape, rotated and mirrored alike.

    Args:
        images: (height, width, channels) uint8 each; sides shorter than `size` are mirrored.

    Returns:
        (size, size, channels) float32 in [0, 1] each.
    """
    height, width = images[0].shape[:2]
    top, left = (int(rng.integers(0, max(1, side - size + 1))) for side in (height, width))
    quarter_turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    patches = []
    for image in images:
        patch = _padded(image[top : top + size, left : left + size], size)
        patch = np.rot90(patch[:, ::-1] if mirrored else patch, quarter_turns)
        patches.append(np.ascontiguousarray(patch, dtype=np.float32) / np.float32(255))
    return patches


def random_shrunk_patch(image: np.ndarray, size: int, smallest: float, rng: np.random.Generator) -> np.ndarray:
    """A random square of an image that was shrunk by a random factor from `smallest` to 1, rotated and mirrored.

    Few images then show more detail: the code of DnCNN (Zhang et al., 2017) trains at 1, 0.9, 0.8 and 0.7. Pillow's
    bicubic filter is widened by the factor, so that nothing is aliased.

    Args:
        image: (height, width, channels) uint8. Where it has no room for a larger square, it is shrunk less.

    Returns:
        (size, size, channels) float32 in [0, 1].
    """
    side = round(size / rng.uniform(smallest, 1))
    [patch] = random_patches([image], max(size, min(side, *image.shape[:2])), rng)
    planes = [
        Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC) for plane in np.moveaxis(patch, 2, 0)
    ]
    return np.clip(np.stack([np.asarray(plane) for plane in planes], 2), 0, 1)


def corrupt_at_random_level(
    clean: np.ndarray, noise: str, levels: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Corrupt a patch at a random level of the range.

    Returns:
        The noisy patch, and the level as the network is conditioned on it.
    """
    level = sample_level(noise, *levels, rng)
    return CORRUPTIONS[noise](clean, level, rng), NOISE_TYPES[noise].conditioning(level)


def _padded(patch: np.ndarray, size: int) -> np.ndarray:
    below, right = size - patch.shape[0], size - patch.shape[1]
    return np.pad(patch, ((0, below), (0, right), (0, 0)), mode="symmetric") if below or right else patch
