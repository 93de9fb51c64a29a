"""Learned embeddings of a column: of a category's values, or of a number's percentiles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from training.data.predictions_csv import harmless_text, temporary_file

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor


def category_vectors(model: AnomalyPredictor, place: int) -> list[dict[str, Any]]:
    """Each value's embedding, and the values most like it."""
    feature = model.encoder.categories[place]
    kept = [number for number, count in enumerate(feature.counts) if count]
    vectors = model.model.embeddings.vectors(place).detach().numpy()[kept]
    return _listed([feature.spelled(number) for number in kept], [feature.counts[number] for number in kept], vectors)


def number_vectors(model: AnomalyPredictor, place: int) -> list[dict[str, Any]]:
    """What the first layer makes of the column's percentiles: its embedding of a number, without the offset all share."""
    scaler = model.encoder.numbers[place].scaler
    values = np.unique(np.asarray(scaler.quantiles)[::5])
    vectors = model.model.number_vectors(place, scaler.scaled(values))
    spelled = [f"{value:.6g}" for value in values]
    if model.encoder.numbers[place].part == "day":
        spelled = [str(np.datetime64(round(float(value)), "D")) for value in values]
    return _listed(spelled, [None] * len(values), vectors - vectors.mean(0))


def _listed(names: list[str], counts: list[int | None], vectors: np.ndarray) -> list[dict[str, Any]]:
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    likeness = units @ units.T
    return [
        {
            "value": name,
            "count": counts[n],
            "vector": [round(float(value), 6) for value in vectors[n]],
            "nearest": [names[other] for other in np.argsort(-likeness[n], kind="stable") if other != n][:5],
        }
        for n, name in enumerate(names)
    ]


def write_vectors(model: AnomalyPredictor, column: str) -> Path:
    """The vectors of a column as a CSV file: value, count, v_0, v_1, …"""
    found = model.embeddings(column)
    vectors = np.asarray([one["vector"] for one in found])
    columns: dict[str, Any] = {
        "value": harmless_text(pa.chunked_array([pa.array([one["value"] for one in found], pa.string())]))
    }
    columns["count"] = pa.array([one["count"] for one in found], pa.int64())
    columns |= {f"v_{n}": pa.array(vectors[:, n]) for n in range(vectors.shape[1])}
    target = temporary_file(re.sub(r"[^A-Za-z0-9_-]+", "_", column)[:40], "-vectors.csv")
    pyarrow.csv.write_csv(pa.table(columns), target)
    return target
