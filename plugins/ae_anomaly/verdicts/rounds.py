"""A round of verdicts: the rows to ask next, the threshold, and the precision of what is called an anomaly.

Of ten rows most have the highest score without a verdict, some are doubtful, and some are drawn at random of the rows
that are called anomalies: only those can say how many of all alerts are right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plugins.ae_anomaly.detector.feedback import move_threshold
from plugins.ae_anomaly.verdicts.head import RowFeatures, VerdictHead, fit_head, refit
from training.labelling.sampling import MIN_MEASURED, random_sample, wilson

DOUBTFUL_SHARE, RANDOM_SHARE = 0.2, 0.2  # of a round
HIGHEST, DOUBTFUL, RANDOM = "highest score", "doubtful", "drawn at random"
FOLDS = 5
FEWEST_ALERTS = 20  # rows that are called anomalies at least: some have to be drawn at random of them
SAME_VERDICTS = 10  # from which on other rows are looked for, and how many of them
EXPLORED = 500  # highest rows that they are looked for among
MOST_SAMPLE_SHARE = 1.0  # of the verdicts: random rows are few, none is to be left out


@dataclass(frozen=True)
class Precision:
    """Share of the alerts that are anomalies, with its 95 % interval, and the number of alerts it was measured with."""

    precision: float
    low: float
    high: float
    measured: int


@dataclass(frozen=True)
class Round:
    """What the verdicts so far say.

    Args:
        chosen: Numbers of the rows to ask next.
        why: Of each: highest score, doubtful, or drawn at random.
        ranking: Probability of an anomaly where both sorts were seen, else the anomaly score, (rows,).
        limit: From which value of `ranking` on a row is called an anomaly.
        uses_errors: Whether the ranking is more than the score.
        estimate: Precision of the alerts; None while few were drawn at random.
    """

    chosen: tuple[int, ...]
    why: tuple[str, ...]
    ranking: np.ndarray
    limit: float
    uses_errors: bool
    estimate: Precision | None


def next_round(
    rows: RowFeatures,
    verdicts: Mapping[int, bool],
    order: np.ndarray,
    limit: float,
    count: int,
    skipped: Sequence[int] = (),
) -> Round:
    """Fit the verdicts, choose the next rows and estimate the precision.

    Args:
        verdicts: Row -> whether it is an anomaly.
        order: All rows in a random order, see `training.labelling.sampling.random_order`.
        limit: Anomaly score from which on rows are called anomalies without verdicts.
        skipped: Rows that are not to be chosen.
    """
    judged = np.array([*verdicts], int)
    is_anomaly = np.array([*verdicts.values()], bool)
    head = fit_head(rows, judged, is_anomaly)
    given = limit
    ranking, limit = _ranking(rows, head, judged, is_anomaly, given)
    alerts = ranking >= limit
    free = np.ones(len(ranking), bool)
    free[[*verdicts, *skipped]] = False
    chosen: dict[int, str] = {}
    for why, candidates, number in (
        (RANDOM, order[alerts[order]], round(RANDOM_SHARE * count)),
        (DOUBTFUL, np.argsort(np.abs(ranking - limit), kind="stable"), round(DOUBTFUL_SHARE * count)),
        (HIGHEST, _highest(rows, ranking, judged, is_anomaly, free), count),
    ):
        open_rows = [int(row) for row in candidates[free[candidates]][: 2 * count] if int(row) not in chosen]
        chosen |= dict.fromkeys(open_rows[: min(number, count - len(chosen))], why)
    uses = head is not None and head.uses_errors
    estimate = _precision(rows, head, alerts, order, verdicts, given)
    return Round(tuple(chosen), tuple(chosen.values()), ranking, limit, uses, estimate)


def _ranking(
    rows: RowFeatures, head: VerdictHead | None, judged: np.ndarray, is_anomaly: np.ndarray, limit: float
) -> tuple[np.ndarray, float]:
    """What rows are ordered by, and from where on they are called anomalies: the score, until errors tell more."""
    if head is None or not head.uses_errors:
        moved = move_threshold(rows.scores[judged], is_anomaly, limit)
        return rows.scores, min(moved, _that_leaves(rows.scores, FEWEST_ALERTS))
    return head.probabilities, min(0.5, _that_leaves(head.probabilities, FEWEST_ALERTS))


def _highest(
    rows: RowFeatures, ranking: np.ndarray, judged: np.ndarray, is_anomaly: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """Rows by their ranking; while all verdicts are the same, of the highest those first that are unlike judged ones.

    A person who calls ten rows normal learns nothing from ten more of the sort: farthest first (Gonzalez, 1985).
    """
    order = np.argsort(-ranking, kind="stable")
    if len(judged) < SAME_VERDICTS or (is_anomaly.any() and not is_anomaly.all()):
        return order
    highest = order[free[order]][:EXPLORED]
    errors = rows.inputs()[1]
    near = np.linalg.norm(errors[highest, None] - errors[None, judged[-EXPLORED:]], axis=2).min(1)
    found = []
    while len(found) < min(len(highest), SAME_VERDICTS):
        found.append(int(near.argmax()))
        near = np.minimum(near, np.linalg.norm(errors[highest] - errors[highest[found[-1]]], axis=1))
        near[found] = -1
    return np.concatenate([highest[found], order])


def _that_leaves(ranking: np.ndarray, alerts: int) -> float:
    """The threshold of so many alerts: verdicts on the highest rows alone would put it above every row."""
    return float(np.sort(ranking)[-min(alerts, len(ranking))])


def _precision(
    rows: RowFeatures,
    head: VerdictHead | None,
    alerts: np.ndarray,
    order: np.ndarray,
    verdicts: Mapping[int, bool],
    limit: float,
) -> Precision | None:
    """Precision of the alerts, each judged by a fit without the verdicts of its fold.

    The threshold and the regression move away from rows that were called normal: of the alerts that are left, all with
    a verdict would be anomalies. So a fifth of all rows at a time is called by a fit that has seen no verdict on them,
    and what was drawn at random of those alerts is counted. Where every alert has a verdict, the share is known.

    Args:
        limit: As of `next_round`.
    """
    judged, is_anomaly = np.array([*verdicts], int), np.array([*verdicts.values()], bool)
    hits: list[bool] = []
    for fold in range(FOLDS):
        part = order[fold::FOLDS]  # rows that have nothing in common but this
        kept = ~np.isin(judged, part)
        own = judged[kept], is_anomaly[kept]
        ranking, from_here = _ranking(rows, refit(rows, *own, head) if head else None, *own, limit)
        drawn = random_sample(part[ranking[part] >= from_here], judged[~kept], MOST_SAMPLE_SHARE)
        hits += [verdicts[int(row)] for row in drawn]
    called = np.flatnonzero(alerts)
    if len(called) and np.isin(called, judged).all():
        share = float(np.mean([verdicts[int(row)] for row in called]))
        return Precision(share, share, share, len(called))
    if len(hits) < MIN_MEASURED:
        return None
    share = float(np.mean(hits))
    return Precision(share, *wilson(share, len(hits)), len(hits))
