"""Classification metrics: accuracy with its interval, macro F1, expected calibration error, confusion, McNemar's
test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import confusion_matrix, f1_score

CALIBRATION_BINS = 10
CONFIDENCE_LEVEL = 0.95
NO_LABEL = "(none)"  # column of answers that name no label


def classification_metrics(
    truth: Sequence[str], predicted: Sequence[str], confidences: Sequence[float | None]
) -> dict[str, Any]:
    """Compute accuracy with its interval, macro F1 and calibration error.

    Args:
        confidences: Probability of each predicted label, 0 to 1; None if unknown.

    Returns:
        rows, accuracy, low and high (Wilson's 95 % interval), macro_f1, calibration_error (None if a confidence is
        unknown).
    """
    correct = np.asarray([label == other for label, other in zip(truth, predicted, strict=True)])
    interval = stats.binomtest(int(correct.sum()), len(correct)).proportion_ci(CONFIDENCE_LEVEL, method="wilson")
    absent: Any = 0  # F1 of a label that was never predicted
    macro_f1 = f1_score(list(truth), list(predicted), labels=sorted({*truth}), average="macro", zero_division=absent)
    known = np.asarray([value for value in confidences if value is not None])
    return {
        "rows": len(correct),
        "accuracy": float(correct.mean()),
        "low": float(interval.low),
        "high": float(interval.high),
        "macro_f1": float(macro_f1),
        "calibration_error": calibration_error(correct, known) if len(known) == len(correct) else None,
    }


def calibration_error(correct: np.ndarray, confidences: np.ndarray) -> float:
    """Compute the expected calibration error over 10 bins of equal width (Guo et al., 2017, eq. 3)."""
    bins = np.minimum((confidences * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(correct[bins == number].sum() - confidences[bins == number].sum()) for number in np.unique(bins)]
    return float(sum(gaps) / len(correct))


def confusion(truth: Sequence[str], predicted: Sequence[str], names: Sequence[str]) -> dict[str, list]:
    """Count true labels (rows) by predicted labels (columns), with one more column if an answer named no label."""
    columns = [*names, *([NO_LABEL] if any(label not in names for label in predicted) else [])]
    counts = np.zeros((len(names), len(columns)), dtype=int)
    if len(truth):
        known = [label if label in names else NO_LABEL for label in predicted]
        counts = confusion_matrix(list(truth), known, labels=columns)[: len(names)]
    return {
        "columns": ["true label", *columns],
        "rows": [[name, *row] for name, row in zip(names, counts.tolist(), strict=True)],
    }


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> dict[str, Any]:
    """Run McNemar's exact test (1947): of the rows that only one of two classifiers gets right, is the split a fair
    coin's?

    Returns:
        only_first, only_second: rows that only one gets right; p_value, two-sided.
    """
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    discordant = only_first + only_second
    p_value = stats.binomtest(only_first, discordant).pvalue if discordant else 1.0
    return {"only_first": only_first, "only_second": only_second, "p_value": float(p_value)}
