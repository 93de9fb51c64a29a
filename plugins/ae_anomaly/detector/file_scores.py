"""Anomaly scores of a whole file, read in chunks: of each row a score, a p-value and its three worst columns are kept.

Of many rows they lie in files without names.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.array_files import SpooledRows
from training.data.table_stream import stream_table
from training.data.tabular.coverage import Tally
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

REASONS_PER_ROW = 3
MIN_REASON_PERCENT = 3  # a smaller share is no reason
CACHED_FILES = 2  # files whose scores a detector remembers, so that a moved threshold costs nothing


@dataclass(frozen=True, eq=False)
class Reasons:
    """The columns that are most to blame, the worst first.

    Args:
        columns: Their places, int16 (rows, 3).
        percent: Their shares of what is anomalous, uint8 (rows, 3).
        unseen: Whether the cell is unlike any of training, bool (rows, 3).
    """

    columns: np.ndarray
    percent: np.ndarray
    unseen: np.ndarray

    @classmethod
    def of(cls, shares: np.ndarray, unseen: np.ndarray) -> Reasons:
        """From the shares (rows, columns), summing to 1."""
        order = np.argsort(-shares, axis=1, kind="stable")[:, :REASONS_PER_ROW]
        percent = np.round(100 * np.take_along_axis(shares, order, 1)).astype(np.uint8)
        return cls(order.astype(np.int16), percent, np.take_along_axis(unseen, order, 1))

    def words(self, names: list[str], rows: slice | np.ndarray = slice(None)) -> Any:
        """As text, one a row: "age 61%; service 20% (not seen in training)", an Arrow array of strings."""
        compute: Any = pc
        known, percents, notes = pa.array(names), pa.array([f" {n}%" for n in range(101)]), pa.array(["", " (not seen in training)"])  # fmt: skip
        parts = []
        for place in range(self.columns.shape[1]):
            percent = self.percent[rows, place]
            spelled = compute.binary_join_element_wise(
                known.take(pa.array(self.columns[rows, place])),
                percents.take(pa.array(percent)),
                notes.take(pa.array(self.unseen[rows, place].astype(np.int8))),
                "",
            )
            parts.append(compute.if_else(pa.array(percent >= MIN_REASON_PERCENT), spelled, None))
        # Of a row of nulls alone Arrow's join makes no row at all; shares fall, so the first is null where all are.
        parts[0] = compute.fill_null(parts[0], "")
        return compute.binary_join_element_wise(*parts, "; ", null_handling="skip")


@dataclass(frozen=True, eq=False)
class FileScores:
    """Scores and p-values, (rows,) each, reasons, and what is to be said of the file."""

    scores: np.ndarray
    p_values: np.ndarray
    reasons: Reasons
    findings: list[Finding]

    def __len__(self) -> int:
        return len(self.scores)


def file_scores(model: AnomalyPredictor, file: Path) -> FileScores:
    """Score a file, or remember what it scored.

    Raises:
        UserError: If it cannot be read, or lacks columns.
    """
    about = file.stat() if file.is_file() else None
    key = (str(file), about.st_size, about.st_mtime_ns) if about else None
    if key not in model.remembered:
        while len(model.remembered) >= CACHED_FILES:
            model.remembered.pop(next(iter(model.remembered)))
        model.remembered[key] = _score(model, file)
    return model.remembered[key]


def _score(model: AnomalyPredictor, file: Path) -> FileScores:
    tally = Tally(model.encoder)
    scores, p_values = SpooledRows(np.float64), SpooledRows(np.float64)
    reasons = [SpooledRows(kind) for kind in (np.int16, np.uint8, bool)]  # as `Reasons` has them
    for piece in stream_table(file):
        rows = model.encoder.encode(piece)
        tally.add(piece, rows)
        found = model.probe(rows)
        of_piece = model.calibration.score(found)
        scores.append(of_piece)
        p_values.append(model.calibration.p_values(of_piece))
        blamed = Reasons.of(model.calibration.shares(found), rows.unseen)
        for kept, field in zip(reasons, fields(Reasons), strict=True):
            kept.append(getattr(blamed, field.name))
    return FileScores(scores.array(), p_values.array(), Reasons(*(kept.array() for kept in reasons)), tally.findings())
