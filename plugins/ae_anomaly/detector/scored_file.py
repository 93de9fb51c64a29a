"""Scored CSV file: a table's columns with scores beside them, written in chunks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from plugins.ae_anomaly.detector.file_scores import FileScores, file_scores
from plugins.ae_anomaly.detector.thresholds import parse_threshold
from training.data.arrow import as_text
from training.data.table import Table
from training.data.table_stream import stream_table

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

FORMULA = r"^[=+\-@\t\r]"
NUMBER = r"^[+-]?[\d.,]+([eE][+-]?\d+)?$"
ADDED = ("anomaly_score", "p_value", "is_anomalous", "reasons")


def score_file(model: AnomalyPredictor, file: Path, threshold: str = "") -> Path:
    """See the endpoint of this name. The file is read twice: where the threshold lies may depend on its last row."""
    parse_threshold(threshold, model.calibration.scores, np.zeros(1), np.ones(1))  # a slip is told before any work
    found = file_scores(model, file)
    return write_scored_file(
        model, file, found, parse_threshold(threshold, model.calibration.scores, found.scores, found.p_values)
    )


def write_scored_file(model: AnomalyPredictor, file: Path, found: FileScores, limit: float) -> Path:
    """Write the table's columns, then score, p-value, verdict at this limit, and reasons."""
    target, start, writer = new_file(file, "-scored.csv"), 0, None
    for piece in stream_table(file):
        rows = slice(start, start + len(piece))
        columns = {_free(name): without_formulas(values) for name, values in piece.columns.items()}
        scores = found.scores[rows]
        columns |= {
            "anomaly_score": pa.array(np.round(scores, 6)),
            "p_value": pa.array(np.round(found.p_values[rows], 6)),
            "is_anomalous": pa.array((scores >= limit).astype(np.int8)),
            "reasons": found.reasons.words(model.encoder.columns, rows),
        }
        table = pa.table(columns)
        writer = writer or pyarrow.csv.CSVWriter(target, table.schema)
        writer.write_table(table)
        start += len(piece)
    if writer:
        writer.close()
    return target


def _free(name: str) -> str:
    """A file that was scored before keeps its old columns under another name."""
    return f"{name}_before" if name in ADDED else name


def without_formulas(values: Any) -> Any:
    """A column as text; a cell that a spreadsheet would run as a formula gets an apostrophe."""
    compute: Any = pc
    text = as_text(values)
    if text is None:
        return pa.nulls(len(values), pa.string())
    risky = compute.and_(
        compute.match_substring_regex(text, FORMULA), compute.invert(compute.match_substring_regex(text, NUMBER))
    )
    if not compute.any(risky).as_py():
        return text.cast(pa.string())
    return compute.if_else(risky, compute.binary_join_element_wise("'", text, ""), text).cast(pa.string())


def new_file(source: Path | Table, suffix: str) -> Path:
    """A path in a folder of its own, named after the source."""
    name = source.name if isinstance(source, Path) else source.source
    return Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{Path(name).name.split('.')[0]}{suffix}"
