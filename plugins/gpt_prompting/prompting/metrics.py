"""What labels are worth beside the true ones: accuracy, macro F1, calibration error, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

BINS = 10
CONFIDENCE = 0.95


def classification_metrics(truth: Sequence[str], said: Sequence[str], sure: Sequence[float | None]) -> dict[str, Any]:
    """Accuracy with its interval, macro F1 and calibration error.

    Args:
        sure: Probability of the label that was given, 0 to 1; None where it is not known.

    Returns:
        rows, accuracy, low and high (Wilson's 95 % interval), macro_f1, calibration_error (None where nothing is known).
    """
    from scipy import stats
    from sklearn.metrics import f1_score

    right = np.asarray([one == other for one, other in zip(truth, said, strict=True)])
    interval = stats.binomtest(int(right.sum()), len(right)).proportion_ci(CONFIDENCE, method="wilson")
    names = sorted({*truth})
    absent: Any = 0  # the score of a label that was never given
    macro = f1_score(list(truth), list(said), labels=names, average="macro", zero_division=absent)
    known = [value for value in sure if value is not None]
    error = calibration_error(right, np.asarray(known)) if len(known) == len(right) else None
    return {
        "rows": len(right),
        "accuracy": float(right.mean()),
        "low": float(interval.low),
        "high": float(interval.high),
        "macro_f1": float(macro),
        "calibration_error": error,
    }


def calibration_error(right: np.ndarray, sure: np.ndarray) -> float:
    """Expected calibration error over 10 bins of equal width (Guo et al., 2017, eq. 3)."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(right[bins == at].sum() - sure[bins == at].sum()) for at in np.unique(bins)]
    return float(sum(gaps) / len(right))


def confusion(truth: Sequence[str], said: Sequence[str], names: Sequence[str]) -> dict[str, list]:
    """A table: true labels as rows, given ones as columns; one more where no label was given."""
    columns = [*names, *(["(none)"] if any(each not in names for each in said) else [])]
    counts = {name: dict.fromkeys(columns, 0) for name in names}
    for one, other in zip(truth, said, strict=True):
        if one in counts:
            counts[one][other if other in names else "(none)"] += 1
    return {"columns": ["true label", *columns], "rows": [[name, *row.values()] for name, row in counts.items()]}


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> dict[str, Any]:
    """McNemar's exact test (1947): of the rows that only one gets right, is either's share beyond a fair coin's?

    Returns:
        only_first, only_second: rows; p_value, two-sided.
    """
    from scipy import stats

    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    different = only_first + only_second
    p_value = stats.binomtest(only_first, different).pvalue if different else 1.0
    return {"only_first": only_first, "only_second": only_second, "p_value": float(p_value)}
