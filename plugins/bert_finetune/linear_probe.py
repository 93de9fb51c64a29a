"""What a linear classifier reads from frozen vectors (Alain & Bengio, 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np

INVERSE_PENALTY = 0.1  # of standardised vectors: a few labels and hundreds of dimensions want a firm hand
TRIED = (0.0001, 0.001, 0.01, 0.1)


def linear_probe(inverse_penalty: float = INVERSE_PENALTY) -> Any:
    """A scikit-learn pipeline, not fitted: standardise, then logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, max_iter=300))


def best_inverse_penalty(vectors: np.ndarray, targets: np.ndarray) -> float:
    """The one of a few whose probe, fitted on half of the rows, gives the others the highest likelihood.

    Where a class has one row there are no halves to compare, and it is the usual one.
    """
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split

    classes, counts = np.unique(targets, return_counts=True)
    if counts.min() < 2 or len(targets) < 2 * len(classes):
        return INVERSE_PENALTY
    seen, held, given, truth = train_test_split(vectors, targets, test_size=0.5, stratify=targets, random_state=0)
    losses = [
        log_loss(truth, linear_probe(tried).fit(seen, given).predict_proba(held), labels=classes) for tried in TRIED
    ]
    return TRIED[int(np.argmin(losses))]
