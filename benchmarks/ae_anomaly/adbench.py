"""Labelled tables of numbers: *.npz with X, and y (1: anomaly)."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows, (rows, columns) float32, and labels, (rows,)."""
    stored = np.load(path, allow_pickle=False)
    return stored["X"].astype(np.float32), stored["y"].astype(int).ravel()


def standardised(rows: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Rows by mean and deviation of the training rows; a constant column is only centred."""
    mean, deviation = by.mean(0), by.std(0)
    return (rows - mean) / np.where(deviation > 1e-12, deviation, 1)
