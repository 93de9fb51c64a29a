"""Learning from single noisy pictures: pixels are hidden behind a neighbour and must be guessed (Noise2Void, Krull et al., 2019, §3.2)."""

from __future__ import annotations

import numpy as np

SHARE = 1 / 64  # of the pixels of a patch: one of each 8 x 8
REACH = 2  # neighbours come from 5 x 5 pixels


def hide(noisy: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Put a neighbour's value into one pixel of each 8 x 8.

    Args:
        noisy: (height, width, channels).

    Returns:
        The changed picture, and where it was changed, (height, width, 1) float32 of 0 and 1. A pixel is never its own neighbour.
    """
    step = round(SHARE**-0.5)
    rows, columns = (_one_each(side, step, random) for side in noisy.shape[:2])
    rows, columns = (each.ravel() for each in np.broadcast_arrays(rows[:, None], columns[None, :]))
    rows = np.minimum(rows + random.integers(0, step, rows.shape), noisy.shape[0] - 1)
    columns = np.minimum(columns + random.integers(0, step, columns.shape), noisy.shape[1] - 1)
    shifts = np.delete(np.arange((2 * REACH + 1) ** 2), 2 * REACH * (REACH + 1))[random.integers(0, (2 * REACH + 1) ** 2 - 1, rows.shape)]  # fmt: skip
    from_rows = _inside(rows + shifts // (2 * REACH + 1) - REACH, rows, noisy.shape[0])
    from_columns = _inside(columns + shifts % (2 * REACH + 1) - REACH, columns, noisy.shape[1])
    hidden, where = noisy.copy(), np.zeros((*noisy.shape[:2], 1), np.float32)
    hidden[rows, columns] = noisy[from_rows, from_columns]
    where[rows, columns] = 1
    return hidden, where


def _one_each(side: int, step: int, random: np.random.Generator) -> np.ndarray:
    """Where the cells of 8 pixels begin, moved by a random offset."""
    return np.arange(-int(random.integers(0, step)), side, step).clip(min=0)


def _inside(places: np.ndarray, centre: np.ndarray, side: int) -> np.ndarray:
    """Neighbours beyond the border are taken on the other side of the pixel."""
    return np.where((places < 0) | (places >= side), 2 * centre - places, places).clip(0, side - 1)
