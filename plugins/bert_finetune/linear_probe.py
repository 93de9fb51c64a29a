"""What a linear classifier reads from frozen vectors (Alain & Bengio, 2017)."""

from __future__ import annotations

from typing import Any

INVERSE_PENALTY = 0.1  # of standardised vectors: a few labels and hundreds of dimensions want a firm hand


def linear_probe() -> Any:
    """A scikit-learn pipeline, not fitted: standardise, then logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, max_iter=300))
