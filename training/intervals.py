"""Confidence intervals of means over repeated runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95


def student(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Mean, and the ends of its 95 % interval by Student's t (1908); of one value all three are that value."""
    from scipy import stats

    found = np.asarray(values, dtype=float)
    mean = float(found.mean())
    if len(found) < 2:
        return mean, mean, mean
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
    return mean, mean - half, mean + half
