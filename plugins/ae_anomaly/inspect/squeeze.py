"""One row of a table through the autoencoder: its latent features, and what is put back into each cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.ae_anomaly.detector.records import read_row, records_table

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor


def squeeze_row(model: AnomalyPredictor, file: Path, row: int) -> dict[str, Any]:
    """Compress a row and put it back.

    Args:
        row: Counted from 1.

    Returns:
        As `explain`; and latent: the features, columns_known: how many columns they stand for.
    """
    cells = read_row(model, file, row)
    latent = model.probe(model.encoder.encode(records_table(model, [cells]))).latent[0]
    return model.explain(cells) | {
        "latent": [round(float(value), 2) for value in latent],
        "columns_known": len(model.encoder.columns),
    }
