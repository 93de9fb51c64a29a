"""Thresholds of the anomaly score: quantile, peaks over threshold, false discovery rate, number of alerts, or a score."""

from __future__ import annotations

import numpy as np
from scipy.stats import genpareto

from training.errors import UserError

THRESHOLD_FORMS = "quantile=0.99, pot=0.001, fdr=0.1, alerts=20 or a score such as 2.5"
DEFAULT = "quantile=0.99"
TAIL = 0.1  # share of the clean scores that the tail is fitted to


def parse_threshold(words: str, clean: np.ndarray, scores: np.ndarray, p_values: np.ndarray) -> float:
    """The score from which on a row is called an anomaly.

    Args:
        words: One of quantile=Q, pot=RISK, fdr=RATE, alerts=COUNT, a score; empty: quantile=0.99.
        clean: Scores of clean rows, ascending.
        scores: Scores of the rows in question; only fdr and alerts look at them.
        p_values: Their p-values.

    Raises:
        UserError: If it is none of these.
    """
    name, equals, text = (words.strip() or DEFAULT).partition("=")
    try:
        value = float(text if equals else name)
    except ValueError:
        raise UserError(f"threshold: {words!r} was given; write {THRESHOLD_FORMS}.") from None
    if not equals and np.isfinite(value):
        return value
    name = name.strip().lower()
    if name == "quantile" and 0 < value < 1:
        return float(np.quantile(clean, value, method="higher"))
    if name == "pot" and 0 < value < 0.5:
        return peaks_over_threshold(clean, value)
    if name == "fdr" and 0 < value < 1:
        return benjamini_hochberg(scores, p_values, value)
    if name == "alerts" and value >= 1:
        ordered = np.sort(scores)[::-1]
        return float(ordered[min(int(value), len(ordered)) - 1])
    raise UserError(f"threshold: {words!r} was given; write {THRESHOLD_FORMS}.")


def peaks_over_threshold(clean: np.ndarray, risk: float) -> float:
    """The score that clean rows exceed with probability `risk`, by a generalised Pareto tail (Siffer et al., 2017, eq. 1)."""
    t = float(np.quantile(clean, 1 - TAIL))
    peaks = clean[clean > t] - t
    if len(peaks) < 5:
        raise UserError(f"pot needs 50 or more calibration rows; this model has {len(clean)}. Use quantile.")
    gamma, _, sigma = genpareto.fit(peaks, floc=0)
    ratio = risk * len(clean) / len(peaks)
    if ratio >= 1:
        return float(np.quantile(clean, 1 - risk))
    if abs(gamma) < 1e-6:
        return t - sigma * float(np.log(ratio))
    return t + sigma / gamma * (ratio**-gamma - 1)


def benjamini_hochberg(scores: np.ndarray, p_values: np.ndarray, rate: float) -> float:
    """The lowest score that is called at this false discovery rate; above every score where none is."""
    order = np.argsort(p_values, kind="stable")
    allowed = rate * np.arange(1, len(order) + 1) / len(order)
    called = np.flatnonzero(p_values[order] <= allowed)
    if not len(called):
        return float(scores.max(initial=0.0)) + 1.0
    return float(scores[p_values <= p_values[order[called[-1]]]].min())
