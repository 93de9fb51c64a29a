"""Rows of `feedback_data`: normal ones are added to training, anomalies enter the loss, none is evaluated on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.ae_anomaly.fit.labels import find_label, read_labels
from training.data.table_stream import read_rows
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import Encoded
from training.errors import UserError
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.settings import FitSettings


@dataclass(frozen=True, eq=False)
class FeedbackRows:
    """Rows that were called normal, and rows that were called anomalies."""

    normal: Encoded
    anomalous: Encoded

    def unlike(self, rows: Encoded) -> np.ndarray:
        """Which rows equal none of the labelled ones, bool (rows,): only those may be measured with."""
        feedback = set(_keys(self.normal)) | set(_keys(self.anomalous))
        return np.asarray([key not in feedback for key in _keys(rows)], dtype=bool)

    def not_anomalous(self, rows: Encoded) -> np.ndarray:
        """Which rows equal none that was called an anomaly, bool (rows,): only those may be learned as normal."""
        is_anomaly = set(_keys(self.anomalous))
        return np.asarray([key not in is_anomaly for key in _keys(rows)], dtype=bool)

    def finding(self) -> Finding:
        return Finding(
            "green",
            f"{len(self.normal)} rows labelled normal are learned, {len(self.anomalous)} labelled anomalies are learned from",
            "Rows equal to a labelled one are left out of the figures.",
        )


def read_feedback(settings: FitSettings, encoder: TableEncoder) -> FeedbackRows | None:
    """The labelled rows of `feedback_data`; None where it is not given.

    Raises:
        UserError: If it has no label column, or lacks columns.
    """
    if not settings.feedback_data:
        return None
    table = read_rows(Path(settings.feedback_data))
    label = find_label(table, settings.label_column if settings.label_column in table.names else "")
    if not label:
        raise UserError(f"{table.source} has no labels: add a column is_anomaly, 1 for anomalies and 0 for normal rows. It has: {', '.join(table.names[:20])}.")  # fmt: skip
    cells = table.strings(label)
    given = np.asarray([bool(cell and cell.strip()) for cell in cells])
    rows, is_anomaly = encoder.encode(table), read_labels(cells, label, "", table.source)
    return FeedbackRows(rows.select(given & ~is_anomaly), rows.select(given & is_anomaly))


def _keys(rows: Encoded) -> list[bytes]:
    """A row's encoded cells as bytes."""
    whole = np.concatenate([rows.numbers.view(np.int32), rows.categories], axis=1)
    return [row.tobytes() for row in np.ascontiguousarray(whole)]
