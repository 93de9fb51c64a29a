"""Rows with a person's verdict, as `fit` takes them: normal ones to learn, anomalies to learn from, none of them in the figures."""

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
class Judged:
    """Rows that were called normal, and rows that were called anomalies."""

    normal: Encoded
    odd: Encoded

    def unlike(self, rows: Encoded) -> np.ndarray:
        """Which rows equal none of the judged ones, bool (rows,): only those may be measured with."""
        judged = set(_keys(self.normal)) | set(_keys(self.odd))
        return np.asarray([key not in judged for key in _keys(rows)], dtype=bool)

    def not_odd(self, rows: Encoded) -> np.ndarray:
        """Which rows equal none that was called an anomaly, bool (rows,): only those may be learnt as normal."""
        odd = set(_keys(self.odd))
        return np.asarray([key not in odd for key in _keys(rows)], dtype=bool)

    def finding(self) -> Finding:
        return Finding(
            "green",
            f"{len(self.normal)} rows judged normal are learnt, {len(self.odd)} judged anomalies are learnt from",
            "Rows equal to a judged one are left out of the figures.",
        )


def read_judged(settings: FitSettings, encoder: TableEncoder) -> Judged | None:
    """The file of verdicts; None where there is none.

    Raises:
        UserError: If it has no label column, or lacks columns.
    """
    if not settings.verdicts:
        return None
    table = read_rows(Path(settings.verdicts))
    label = find_label(table, settings.label_column if settings.label_column in table.names else "")
    if not label:
        raise UserError(f"{table.source} has no verdicts: add a column is_anomaly, 1 for anomalies and 0 for normal rows. It has: {', '.join(table.names[:20])}.")  # fmt: skip
    cells = table.strings(label)
    given = np.asarray([bool(cell and cell.strip()) for cell in cells])
    rows, odd = encoder.encode(table), read_labels(cells, label, "", table.source)
    return Judged(rows.select(given & ~odd), rows.select(given & odd))


def _keys(rows: Encoded) -> list[bytes]:
    """A row's encoded cells as bytes."""
    whole = np.concatenate([rows.numbers.view(np.int32), rows.categories], axis=1)
    return [row.tobytes() for row in np.ascontiguousarray(whole)]
