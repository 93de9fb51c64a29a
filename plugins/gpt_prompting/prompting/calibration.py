"""Calibration of label probabilities against what a model predicts regardless of the input.

Contextual calibration (Zhao et al., 2021, §5): probabilities are divided by those that the same prompt gives to
content-free inputs, and renormalised (W = diag(p_cf)^-1, b = 0). Domain-conditional PMI (Holtzman et al., 2021, eq. 3):
log P(label | prompt) minus log P(label | domain premise); the premise here is the text of the template between the last
variable and the label.
"""

from __future__ import annotations

import numpy as np

CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. average over these


def distribution(scores: np.ndarray) -> np.ndarray:
    """Normalise log-likelihoods in nats, (rows, labels), to probabilities over the labels."""
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def contextual(scores: np.ndarray, content_free: np.ndarray) -> np.ndarray:
    """Calibrate contextually; returns probabilities, (rows, labels).

    Args:
        scores: Log-likelihoods of the labels, (rows, labels).
        content_free: The same for content-free inputs, (inputs, labels); their probabilities are averaged.
    """
    prior = distribution(content_free).mean(0)
    return distribution(scores - np.log(np.maximum(prior, 1e-12)))


def pmi(scores: np.ndarray, premise: np.ndarray) -> np.ndarray:
    """Calibrate by domain-conditional PMI; returns probabilities, (rows, labels).

    Args:
        premise: Log-likelihoods of the labels after the domain premise alone, (labels,).
    """
    return distribution(scores - premise)
