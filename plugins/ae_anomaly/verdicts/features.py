"""Errors of all rows of a file, measured once for all rounds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.ae_anomaly.detector.file_scores import CACHED_FILES
from plugins.ae_anomaly.verdicts.head import RowFeatures
from training.data.table_stream import stream_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

MAX_ROWS = 200_000
MAX_NUMBERS = 20_000_000  # of rows times errors, 4 bytes each
TOO_LARGE = (
    "{rows:,} rows are too many to judge at once: send the scored file's first {most:,}, or a random part of it."
)


def row_features(model: AnomalyPredictor, file: Path) -> RowFeatures:
    """Scores and errors of the rows of a file, kept with the model for the next rounds.

    Raises:
        UserError: If it cannot be read, lacks columns, or has too many rows.
    """
    about = file.stat()
    key = ("features", str(file), about.st_size, about.st_mtime_ns)
    if key not in model.remembered:
        earlier = [known for known in model.remembered if known and known[0] == "features"]
        for known in earlier[: len(earlier) + 1 - CACHED_FILES]:
            del model.remembered[known]
        model.remembered[key] = _measure(model, file)
    return model.remembered[key]


def _measure(model: AnomalyPredictor, file: Path) -> RowFeatures:
    scores, errors, count = [], [], 0
    for piece in stream_table(file):
        count += len(piece)
        found = model.probe(model.encoder.encode(piece))
        width = found.parts.shape[1] + found.columns.shape[1]
        most = min(MAX_ROWS, MAX_NUMBERS // width)
        if count > most:
            raise UserError(TOO_LARGE.format(rows=count, most=most))
        scores.append(model.calibration.score(found))
        errors.append(np.concatenate([found.parts, found.columns], axis=1, dtype=np.float32))
    return RowFeatures(np.concatenate(scores), np.concatenate(errors))
