"""Blind-spot masking: learn to denoise from single noisy images (Noise2Void, Krull et al., 2019, §3.2)."""

from __future__ import annotations

import numpy as np

CELL = 8  # one pixel of each 8 x 8 cell is masked
RADIUS = 2  # its value comes from the 5 x 5 pixels around it
WINDOW = 2 * RADIUS + 1


def mask_blind_spots(noisy: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Replace one pixel of each 8 x 8 cell by a random neighbour.

    Args:
        noisy: (height, width, channels).

    Returns:
        The masked image, and where it was masked, (height, width, 1) float32 of 0 and 1. A pixel is never its own
        neighbour.
    """
    # A stratified sample: one pixel per cell keeps the masked pixels apart, so that a masked pixel is predicted from
    # original neighbours. The grid of cells moves by a random offset, so that borders between cells fall everywhere.
    rows, columns = (_cell_starts(side, rng) for side in noisy.shape[:2])
    rows, columns = (axis.ravel() for axis in np.broadcast_arrays(rows[:, None], columns[None, :]))
    rows = np.minimum(rows + rng.integers(0, CELL, rows.shape), noisy.shape[0] - 1)
    columns = np.minimum(columns + rng.integers(0, CELL, columns.shape), noisy.shape[1] - 1)
    # Positions in the 5 x 5 window by number, its centre left out: copying a pixel to itself would reveal the target.
    neighbours = np.delete(np.arange(WINDOW**2), WINDOW**2 // 2)[rng.integers(0, WINDOW**2 - 1, rows.shape)]
    source_rows = _reflect(rows + neighbours // WINDOW - RADIUS, rows, noisy.shape[0])
    source_columns = _reflect(columns + neighbours % WINDOW - RADIUS, columns, noisy.shape[1])
    masked, mask = noisy.copy(), np.zeros((*noisy.shape[:2], 1), np.float32)
    masked[rows, columns] = noisy[source_rows, source_columns]
    mask[rows, columns] = 1
    return masked, mask


def _cell_starts(side: int, rng: np.random.Generator) -> np.ndarray:
    """Where the cells begin along one axis, moved by a random offset."""
    return np.arange(-int(rng.integers(0, CELL)), side, CELL).clip(min=0)


def _reflect(positions: np.ndarray, centre: np.ndarray, side: int) -> np.ndarray:
    """Neighbours beyond the border are taken from the other side of the pixel."""
    outside = (positions < 0) | (positions >= side)
    return np.where(outside, 2 * centre - positions, positions).clip(0, side - 1)
