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

    A class of one row is fitted only. Where hardly any class has two, there is nothing to compare, and it is the usual one.
    """
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split

    classes, place, counts = np.unique(targets, return_inverse=True, return_counts=True)
    alone = counts[place] < 2
    if (~alone).sum() < 2 * len(classes):
        return INVERSE_PENALTY
    seen, held, given, truth = train_test_split(
        vectors[~alone], targets[~alone], test_size=0.5, stratify=targets[~alone], random_state=0
    )
    seen, given = np.concatenate([seen, vectors[alone]]), np.concatenate([given, targets[alone]])
    losses = [
        log_loss(truth, linear_probe(tried).fit(seen, given).predict_proba(held), labels=classes) for tried in TRIED
    ]
    return TRIED[int(np.argmin(losses))]
