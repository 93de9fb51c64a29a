"""Patches cut from pictures, turned and mirrored: what one step trains on. Draws from numpy's generator, which each step reseeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.denoising_ae.noise.corruptions import APPLY, draw_level
from plugins.denoising_ae.noise.noise_types import NOISES


def cut(pictures: Sequence[np.ndarray], size: int, random: np.random.Generator) -> list[np.ndarray]:
    """The same square of pictures of one shape, turned and mirrored alike.

    Args:
        pictures: (height, width, channels) uint8 each; sides shorter than `size` are mirrored.

    Returns:
        (size, size, channels) float32 in [0, 1] each.
    """
    height, width = pictures[0].shape[:2]
    top, left = (int(random.integers(0, max(1, side - size + 1))) for side in (height, width))
    turns, mirrored = int(random.integers(4)), bool(random.integers(2))
    found = []
    for picture in pictures:
        patch = _filled(picture[top : top + size, left : left + size], size)
        patch = np.rot90(patch[:, ::-1] if mirrored else patch, turns)
        found.append(np.ascontiguousarray(patch, dtype=np.float32) / np.float32(255))
    return found


def spoil(
    clean: np.ndarray, noise: str, levels: tuple[float, float], random: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Corrupt a patch at a level drawn from the range; returns it with the level as it enters the network."""
    level = draw_level(noise, *levels, random)
    return APPLY[noise](clean, level, random), NOISES[noise].as_level(level)


def _filled(patch: np.ndarray, size: int) -> np.ndarray:
    below, right = size - patch.shape[0], size - patch.shape[1]
    return np.pad(patch, ((0, below), (0, right), (0, 0)), mode="symmetric") if below or right else patch
