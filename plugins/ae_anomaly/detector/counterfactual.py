"""Counterfactuals: the smallest change of a row that makes it normal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.ae_anomaly.detector.records import records_table
from plugins.ae_anomaly.detector.thresholds import parse_threshold
from training.data.tabular.numbers import spell_number

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

MAX_CHANGES = 5
STEPS_BACK = 8  # of the way from what was expected back to what was there


def counterfactual(model: AnomalyPredictor, row: dict[str, Any]) -> dict[str, Any]:
    """Set the cell that helps most to what is expected of it, again and again, until the row is normal or 5 are changed.

    Then numbers go back towards what they were, as far as the row stays normal.
    """
    limit = parse_threshold("", model.calibration.scores, np.zeros(1), np.ones(1))
    now, changes = dict(row), {}
    value = _score(model, [now])[0]
    while value >= limit and len(changes) < MAX_CHANGES:
        best = _best_change(model, now, changes)
        if best is None or best[2] >= value - 1e-6:
            break
        name, guess, value = best
        now[name] = changes[name] = guess
    if value < limit:
        value = _moved_back(model, row, now, changes, limit)
    return {"changes": changes, "anomaly_score": round(float(value), 6), "is_anomalous": bool(value >= limit)}


def _score(model: AnomalyPredictor, rows: list[dict[str, Any]]) -> np.ndarray:
    return model.scores(records_table(model, rows))[0]


def _best_change(
    model: AnomalyPredictor, now: dict[str, Any], changes: dict[str, Any]
) -> tuple[str, str, float] | None:
    """The cell, its expected value and the score after it."""
    expected = model.expected(model.encoder.encode(records_table(model, [now])), 0)
    tries = [(name, guess) for name, (guess, _) in expected.items() if name not in changes and guess != now.get(name)]
    if not tries:
        return None
    after = _score(model, [{**now, name: guess} for name, guess in tries])
    best = int(after.argmin())
    return *tries[best], float(after[best])


def _moved_back(
    model: AnomalyPredictor, row: dict[str, Any], now: dict[str, Any], changes: dict[str, Any], limit: float
) -> float:
    """Undo changes that are not needed, and shorten those of numbers; returns the score."""
    for name in list(changes):
        before, after = model.number(name, row.get(name)), model.number(name, changes[name])
        tries: list[Any] = [row.get(name)]
        if before is not None and after is not None:
            form = model.encoder.column(name).numbers
            tries += [
                spell_number(before + (after - before) * step / STEPS_BACK, form) for step in range(1, STEPS_BACK)
            ]
        scores = _score(model, [{**now, name: guess} for guess in tries])
        enough = np.flatnonzero(scores < limit)
        if len(enough):
            now[name] = tries[enough[0]]
            changes[name] = now[name]
            if not enough[0]:
                del changes[name]
    return float(_score(model, [now])[0])
