"""Feedback: a person's labels of rows, the threshold they ask for, and the file of them that `fit` learns from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from plugins.ae_anomaly.detector.file_scores import file_scores
from plugins.ae_anomaly.detector.records import read_rows_at
from training.data.predictions_csv import harmless_text, temporary_file
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

COLUMN = "is_anomaly"


def move_threshold(scores: np.ndarray, is_anomaly: np.ndarray, limit: float) -> float:
    """The threshold that contradicts the fewest labels; of several, the nearest to the present one.

    Args:
        scores: Of the labelled rows, (rows,).
        anomalous: Whether each was called an anomaly, bool (rows,).
        limit: The present threshold.
    """
    if not len(scores):
        return limit
    ordered = np.unique(scores)
    between = (ordered[:-1] + ordered[1:]) / 2
    margin = max(1e-3, 0.01 * float(np.ptp(scores)))
    tries = np.concatenate([[limit, ordered[0] - margin, ordered[-1] + margin], between])
    mistakes = ((scores[None, :] >= tries[:, None]) != is_anomaly[None, :]).sum(1)
    best = tries[mistakes == mistakes.min()]
    return float(best[np.abs(best - limit).argmin()])


def write_feedback(model: AnomalyPredictor, file: Path, feedback: dict[int, bool]) -> Path:
    """The labelled rows with a column `is_anomaly`: the `feedback_data` of `fit`."""
    if not feedback:
        raise UserError("No row has a verdict yet: call one an anomaly or normal first.")
    rows = _rows(feedback, len(file_scores(model, file)))
    found = read_rows_at(file, rows)
    columns: dict[str, Any] = {
        name: harmless_text(pa.chunked_array([pa.array([one[name] for one in found], pa.string())]))
        for name in found[0]
        if name != COLUMN
    }
    columns[COLUMN] = pa.array([int(feedback[row]) for row in rows])
    target = temporary_file(file.name, "-verdicts.csv")
    pyarrow.csv.write_csv(pa.table(columns), target)
    return target


def _rows(feedback: dict[int, bool], most: int) -> list[int]:
    beyond = [row for row in feedback if not 1 <= row <= most]
    if beyond:
        raise UserError(f"Row {beyond[0]} has a verdict; the file has rows 1 to {most}. Are they of another file?")
    return sorted(feedback)
