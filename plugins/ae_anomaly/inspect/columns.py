"""The columns that a detector learned from, and the values of one that it takes for alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

NEAREST = 3


def learned_columns(model: AnomalyPredictor) -> list[str]:
    """The names of the columns that have learned vectors."""
    kept = {feature.column for feature in model.encoder.categories if not feature.part}
    kept |= {feature.column for feature in model.encoder.numbers if feature.part in ("", "day")}
    return [name for name in model.encoder.columns if name in kept]


def nearest_values(model: AnomalyPredictor, column: str) -> list[list[Any]]:
    """A row for each value of a column: the value, its training rows, and the nearest others with their cosine.

    Raises:
        UserError: If the model did not learn from that column.
    """
    values = model.embeddings(column)
    vectors = np.asarray([one["vector"] for one in values])
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    cosines, place = units @ units.T, {one["value"]: number for number, one in enumerate(values)}
    return [
        [
            one["value"],
            one["count"] or "",
            ", ".join(f"{other} ({cosines[n, place[other]]:.2f})" for other in one["nearest"][:NEAREST]),
        ]
        for n, one in enumerate(values)
    ]
