"""Linear probe of frozen features: logistic regression (Alain & Bengio, 2017)."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

INVERSE_PENALTY = 0.1  # of standardised vectors; strong regularisation: few labels, hundreds of features
INVERSE_PENALTIES = (0.0001, 0.001, 0.01, 0.1)


def linear_probe(inverse_penalty: float = INVERSE_PENALTY) -> Pipeline:
    """Return an unfitted scikit-learn pipeline: standardise, then logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, max_iter=300))


def best_inverse_penalty(vectors: np.ndarray, targets: np.ndarray) -> float:
    """Choose the inverse penalty by held-out likelihood: fit on half of the rows, score the other half.

    Rows of a class with one row are only fitted. If hardly any class has two rows, the default is returned.
    """
    classes, class_numbers, counts = np.unique(targets, return_inverse=True, return_counts=True)
    single = counts[class_numbers] < 2
    if (~single).sum() < 2 * len(classes):
        return INVERSE_PENALTY
    train, held, train_targets, held_targets = train_test_split(
        vectors[~single], targets[~single], test_size=0.5, stratify=targets[~single], random_state=0
    )
    train = np.concatenate([train, vectors[single]])
    train_targets = np.concatenate([train_targets, targets[single]])
    losses = [
        log_loss(held_targets, linear_probe(c).fit(train, train_targets).predict_proba(held), labels=classes)
        for c in INVERSE_PENALTIES
    ]
    return INVERSE_PENALTIES[int(np.argmin(losses))]
