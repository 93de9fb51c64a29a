"""The eight turns and reflections of a picture."""

from __future__ import annotations

import numpy as np

TURNS = 8


def turned(picture: np.ndarray, number: int) -> np.ndarray:
    """One of the eight, 0 as it is: quarter turns, from the fifth on mirrored; (height, width, channels)."""
    found = np.rot90(picture, number % 4)
    return found[:, ::-1] if number >= TURNS // 2 else found


def turned_back(picture: np.ndarray, number: int) -> np.ndarray:
    """The picture as it was before `turned`."""
    return np.rot90(picture[:, ::-1] if number >= TURNS // 2 else picture, -number % 4)
