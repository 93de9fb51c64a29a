"""A person's verdicts on rows: where they put the threshold, and the file of them that `fit` learns from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.ae_anomaly.detector.file_scores import scores_of
from plugins.ae_anomaly.detector.records import rows_of
from plugins.ae_anomaly.detector.scored_file import harmless, new_file
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

COLUMN = "is_anomaly"


def move_threshold(scores: np.ndarray, odd: np.ndarray, limit: float) -> float:
    """The threshold that contradicts the fewest verdicts; of several, the nearest to the present one.

    Args:
        scores: Of the judged rows, (rows,).
        odd: Whether each was called an anomaly, bool (rows,).
        limit: The present threshold.
    """
    if not len(scores):
        return limit
    ordered = np.unique(scores)
    between = (ordered[:-1] + ordered[1:]) / 2
    margin = max(1e-3, 0.01 * float(np.ptp(scores)))
    tries = np.concatenate([[limit, ordered[0] - margin, ordered[-1] + margin], between])
    mistakes = ((scores[None, :] >= tries[:, None]) != odd[None, :]).sum(1)
    best = tries[mistakes == mistakes.min()]
    return float(best[np.abs(best - limit).argmin()])


def judged_limit(model: AnomalyPredictor, file: Path, verdicts: dict[int, bool], limit: float) -> float:
    """The threshold after these verdicts, row (from 1) -> whether it is an anomaly."""
    found = scores_of(model, file)
    rows = _rows(verdicts, len(found))
    return move_threshold(found.scores[np.asarray(rows) - 1], np.asarray([verdicts[row] for row in rows]), limit)


def write_verdicts(model: AnomalyPredictor, file: Path, verdicts: dict[int, bool]) -> Path:
    """The judged rows with a column `is_anomaly`: the `verdicts` file of `fit`."""
    import pyarrow as pa
    import pyarrow.csv

    if not verdicts:
        raise UserError("No row has a verdict yet: choose one in the table and press Normal or Anomaly.")
    rows = _rows(verdicts, len(scores_of(model, file)))
    found = rows_of(file, rows)
    columns: dict[str, Any] = {
        name: harmless(pa.chunked_array([pa.array([one[name] for one in found], pa.string())]))
        for name in found[0]
        if name != COLUMN
    }
    columns[COLUMN] = pa.array([int(verdicts[row]) for row in rows])
    target = new_file(file, "-verdicts.csv")
    pyarrow.csv.write_csv(pa.table(columns), target)
    return target


def _rows(verdicts: dict[int, bool], most: int) -> list[int]:
    beyond = [row for row in verdicts if not 1 <= row <= most]
    if beyond:
        raise UserError(f"Row {beyond[0]} has a verdict; the file has rows 1 to {most}. Are they of another file?")
    return sorted(verdicts)
