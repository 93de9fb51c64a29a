"""Colour for a network that knows grey: one luma and two chroma planes, in each of which the noise is what it was.

The opponent transform of colour BM3D (Dabov et al., 2007, §4), scaled to be orthonormal: white noise stays white and keeps its level.
Each plane is moved so that its middle is the middle of [0, 1].
"""

from __future__ import annotations

import numpy as np

AXES = np.asarray([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
AXES = (AXES / np.linalg.norm(AXES, axis=1, keepdims=True)).astype(np.float32)
MIDDLE = np.float32(0.5)


def to_opponent(pixels: np.ndarray) -> np.ndarray:
    """RGB in [0, 1] to luma and two chromas about 0.5, (height, width, 3)."""
    return (pixels - MIDDLE) @ AXES.T + MIDDLE


def from_opponent(planes: np.ndarray) -> np.ndarray:
    """Back to RGB."""
    return (planes - MIDDLE) @ AXES + MIDDLE
