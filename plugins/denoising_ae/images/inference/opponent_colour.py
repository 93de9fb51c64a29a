"""Opponent colour transform: colour images as one luma and two chroma planes, for a network trained on grey images.

The opponent transform of colour BM3D (Dabov et al., 2007, §4), scaled to be orthonormal: white noise stays white and
keeps its level. Each plane is shifted so that its centre is the centre of [0, 1].
"""

from __future__ import annotations

import numpy as np

AXES = np.asarray([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
AXES = (AXES / np.linalg.norm(AXES, axis=1, keepdims=True)).astype(np.float32)
CENTRE = np.float32(0.5)


def to_opponent(pixels: np.ndarray) -> np.ndarray:
    """RGB in [0, 1] to luma and two chroma planes about 0.5, (height, width, 3)."""
    return (pixels - CENTRE) @ AXES.T + CENTRE


def from_opponent(planes: np.ndarray) -> np.ndarray:
    """Back to RGB."""
    return (planes - CENTRE) @ AXES + CENTRE
