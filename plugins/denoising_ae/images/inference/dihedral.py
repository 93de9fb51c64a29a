"""The eight symmetries of a square (dihedral group D4): rotations and reflections of an image."""

from __future__ import annotations

import numpy as np

SYMMETRIES = 8


def transform(image: np.ndarray, number: int) -> np.ndarray:
    """Symmetry `number`, 0 the identity: quarter turns, from 4 on also mirrored; (height, width, channels)."""
    rotated = np.rot90(image, number % 4)
    return rotated[:, ::-1] if number >= SYMMETRIES // 2 else rotated


def inverse_transform(image: np.ndarray, number: int) -> np.ndarray:
    """Undo `transform`."""
    return np.rot90(image[:, ::-1] if number >= SYMMETRIES // 2 else image, -number % 4)
