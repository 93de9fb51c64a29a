"""Scored CSV file: a table's columns with scores beside them, written in chunks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from plugins.ae_anomaly.detector.file_scores import FileScores, file_scores
from plugins.ae_anomaly.detector.thresholds import parse_threshold
from training.data.predictions_csv import predictions_writer, temporary_file
from training.data.table_stream import stream_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

pc: Any = pyarrow.compute  # its functions are made at import time, unseen by a type checker
NO_CELL = "no cell alone: the row as a whole is rare"  # where an anomaly has no reason of its own


def score_file(model: AnomalyPredictor, file: Path, threshold: str = "") -> Path:
    """See the endpoint of this name. The file is read twice: where the threshold lies may depend on its last row."""
    parse_threshold(threshold, model.calibration.scores, np.zeros(1), np.ones(1))  # a slip is told before any work
    found = file_scores(model, file)
    return write_scored_file(
        model, file, found, parse_threshold(threshold, model.calibration.scores, found.scores, found.p_values)
    )


def write_ordinary_rows(model: AnomalyPredictor, file: Path, limit: float) -> Path:
    """Write the table as it came, without the rows whose score reaches the limit: data to train on.

    Raises:
        UserError: If no row is below the limit.
    """
    scores, start, written = file_scores(model, file).scores, 0, 0
    with predictions_writer(temporary_file(file.name, "-ordinary.csv")) as write:
        for chunk in stream_table(file):
            kept = np.flatnonzero(scores[start : start + len(chunk)] < limit)
            start += len(chunk)
            if len(kept):
                write(chunk.select(kept), {})
                written += len(kept)
    if not written:
        raise UserError("Every row is called an anomaly: move the threshold up first.")
    return write.target


def write_scored_file(model: AnomalyPredictor, file: Path, found: FileScores, limit: float) -> Path:
    """Write the table's columns, then score, p-value, verdict at this limit, and reasons."""
    start = 0
    with predictions_writer(temporary_file(file.name, "-scored.csv")) as write:
        for chunk in stream_table(file):
            rows = slice(start, start + len(chunk))
            scores = found.scores[rows]
            is_anomaly = scores >= limit
            reasons = found.reasons.words(model.encoder.columns, rows)
            has_none = pc.equal(pc.utf8_length(reasons), 0)
            reasons = pc.if_else(pc.and_(pa.array(is_anomaly), has_none), NO_CELL, reasons)
            predictions = {
                "anomaly_score": pa.array(np.round(scores, 6)),
                "p_value": pa.array(np.round(found.p_values[rows], 6)),
                "is_anomalous": pa.array(is_anomaly.astype(np.int8)),
                "reasons": reasons,
            }
            write(chunk, predictions)
            start += len(chunk)
    return write.target
