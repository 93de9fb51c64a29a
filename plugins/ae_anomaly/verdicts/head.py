"""A score that learns from verdicts: logistic regression on a row's errors, where that tells anomalies better.

The anomaly score is a fixed sum of errors. Verdicts say which of them matter to this person (active anomaly discovery:
Das et al., 2016, arXiv:1608.06907). With few verdicts a regression on all errors would forget what the score knows: so
the score itself is one of the inputs, hardly penalised, and rows of the lower half, unlabelled, count a little as
normal. Cross-validation on the verdicts says whether the errors are used besides the score, and how strongly.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

SCORE_SCALE = 10.0  # of the standardised score, beside errors of deviation 1: it is hardly penalised
INVERSE_PENALTIES = (0.003, 0.03, 0.3)  # of the errors
SCORE_PENALTY = 1.0  # inverse, where the score is the only input
FEWEST_OF_EACH = 2  # verdicts of each sort, from which on errors are tried
FOLDS = 5
ANCHORS, ANCHOR_WEIGHT = 200, 0.25  # unlabelled rows of the lower half, and what they weigh beside all verdicts


@dataclass(frozen=True)
class RowFeatures:
    """What is known of all rows of a file.

    Args:
        scores: Anomaly scores, (rows,).
        errors: Log errors by part and by column, (rows, errors).
    """

    scores: np.ndarray
    errors: np.ndarray

    def inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """The score, (rows, 1), and the errors, (rows, errors), standardised, float32."""
        return SCORE_SCALE * _standardised(self.scores[:, None]), _standardised(self.errors)


@dataclass(frozen=True)
class VerdictHead:
    """The score that the verdicts give.

    Args:
        probabilities: That a row is an anomaly, (rows,); in the order of the score where errors are not used.
        uses_errors: Whether they are.
        penalty: Inverse penalty that it was fitted with.
    """

    probabilities: np.ndarray
    uses_errors: bool
    penalty: float


def fit_head(rows: RowFeatures, judged: np.ndarray, is_anomaly: np.ndarray) -> VerdictHead | None:
    """Fit the verdicts so far.

    Args:
        judged: Numbers of the rows with a verdict.
        is_anomaly: What each was called, bool.

    Returns:
        None where all verdicts are the same.
    """
    if not len(judged) or is_anomaly.all() or not is_anomaly.any():
        return None
    score, errors = rows.inputs()
    anchors = _anchors(rows.scores, judged)
    best, best_loss = SCORE_PENALTY, _loss(score, judged, is_anomaly, anchors, SCORE_PENALTY)
    both, uses_errors = np.concatenate([score, errors], axis=1), False
    if min(is_anomaly.sum(), (~is_anomaly).sum()) >= FEWEST_OF_EACH:
        for penalty in INVERSE_PENALTIES:
            loss = _loss(both, judged, is_anomaly, anchors, penalty)
            if loss < best_loss:
                best, best_loss, uses_errors = penalty, loss, True
    return _head(both if uses_errors else score, judged, is_anomaly, anchors, uses_errors, best)


def refit(rows: RowFeatures, judged: np.ndarray, is_anomaly: np.ndarray, like: VerdictHead) -> VerdictHead | None:
    """As `fit_head`, of some of the verdicts, with what was chosen by all of them."""
    if is_anomaly.all() or not is_anomaly.any():
        return None
    score, errors = rows.inputs()
    inputs = np.concatenate([score, errors], axis=1) if like.uses_errors else score
    return _head(inputs, judged, is_anomaly, _anchors(rows.scores, judged), like.uses_errors, like.penalty)


def _head(
    inputs: np.ndarray,
    judged: np.ndarray,
    is_anomaly: np.ndarray,
    anchors: np.ndarray,
    uses_errors: bool,
    penalty: float,
) -> VerdictHead:
    found = _fit(inputs, judged, is_anomaly, anchors, penalty).predict_proba(inputs)[:, 1]
    return VerdictHead(found, uses_errors, penalty)


def _loss(inputs: np.ndarray, judged: np.ndarray, is_anomaly: np.ndarray, anchors: np.ndarray, penalty: float) -> float:
    """Cross-validated log loss on the verdicts; each fold has both sorts as far as they go."""
    folds = np.zeros(len(judged), int)
    for sort in (True, False):
        members = np.flatnonzero(is_anomaly == sort)
        folds[members] = np.arange(len(members)) % FOLDS
    losses = []
    for fold in range(FOLDS):
        held, kept = folds == fold, folds != fold
        if held.any() and len({*is_anomaly[kept].tolist()}) > 1:
            found = _fit(inputs, judged[kept], is_anomaly[kept], anchors, penalty).predict_proba(inputs[judged[held]])
            losses.append(-np.log(found[np.arange(held.sum()), is_anomaly[held].astype(int)].clip(1e-6)))
    return float(np.concatenate(losses).mean()) if losses else float("inf")


def _fit(
    inputs: np.ndarray, judged: np.ndarray, is_anomaly: np.ndarray, anchors: np.ndarray, penalty: float
) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression  # a second, which the page starts without

    rows = np.concatenate([judged, anchors])
    targets = np.concatenate([is_anomaly, np.zeros(len(anchors), bool)])
    weight = ANCHOR_WEIGHT * len(judged) / max(1, len(anchors))
    weights = np.concatenate([np.ones(len(judged)), np.full(len(anchors), weight)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not converged after so many iterations is good enough
        return LogisticRegression(C=penalty, max_iter=300).fit(inputs[rows], targets, weights)


def _anchors(scores: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """Rows of the lower half of the scores that have no verdict, drawn at random; the same at every call."""
    low = np.flatnonzero(scores <= np.median(scores))
    return np.setdiff1d(np.random.default_rng(0).permutation(low)[:ANCHORS], judged)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1, cut at 8 deviations."""
    values = np.asarray(values, np.float32)
    deviation = values.std(0)
    return ((values - values.mean(0)) / np.where(deviation > 1e-6, deviation, 1)).clip(-8, 8)
