"""Corrections for what a model says whatever it is asked.

Contextual calibration (Zhao et al., 2021, §5): probabilities are divided by those that the same prompt gives to content-free
inputs, and scaled to a sum of 1 (W = diag(p_cf)^-1, b = 0). Domain-conditional PMI (Holtzman et al., 2021, eq. 3): log P(label |
prompt) minus log P(label | domain premise), here the words of the template that stand before the label.
"""

from __future__ import annotations

import numpy as np

CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. average over these


def distribution(scores: np.ndarray) -> np.ndarray:
    """Scores (nats), (rows, labels), as probabilities of the labels alone."""
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def contextual(scores: np.ndarray, content_free: np.ndarray) -> np.ndarray:
    """Calibrated probabilities, (rows, labels).

    Args:
        scores: Log-likelihoods of the labels, (rows, labels).
        content_free: The same of content-free inputs, (inputs, labels); their probabilities are averaged.
    """
    prior = distribution(content_free).mean(0)
    return distribution(scores - np.log(np.maximum(prior, 1e-12)))


def pmi(scores: np.ndarray, premise: np.ndarray) -> np.ndarray:
    """Probabilities by domain-conditional PMI, (rows, labels).

    Args:
        premise: Log-likelihoods of the labels after the domain premise alone, (labels,).
    """
    return distribution(scores - premise)
