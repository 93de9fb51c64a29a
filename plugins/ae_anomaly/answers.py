"""The work behind the endpoints: tables and records in, files and records out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.ae_anomaly.file_scores import LEAST_PERCENT, Reasons
from plugins.ae_anomaly.records import records
from plugins.ae_anomaly.repair import repair
from plugins.ae_anomaly.scored_file import harmless, new_file
from plugins.ae_anomaly.thresholds import threshold_of
from training.data.table_stream import stream_table
from training.data.tabular.cells import number_column
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.detector import Detector


def score(model: Detector, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """See the endpoint of this name."""
    encoded = model.encoder.encode(records(model, rows))
    found = model.probe(encoded)
    scores = model.calibration.score(found)
    p_values = model.calibration.p_values(scores)
    limit = threshold_of("", model.calibration.scores, scores, p_values)
    reasons, names = Reasons.of(model.calibration.shares(found), encoded.unseen), model.encoder.columns
    return [
        {
            "anomaly_score": round(float(value), 6),
            "p_value": round(float(p), 6),
            "is_anomalous": bool(value >= limit),
            "reasons": [
                {"column": names[column], "share": int(percent) / 100, "seen_in_training": not unseen}
                for column, percent, unseen in zip(
                    reasons.columns[row], reasons.percent[row], reasons.unseen[row], strict=True
                )
                if percent >= LEAST_PERCENT
            ],
        }
        for row, (value, p) in enumerate(zip(scores, p_values, strict=True))
    ]


def explain(model: Detector, row: dict[str, Any]) -> dict[str, Any]:
    """See the endpoint of this name."""
    table = records(model, [row])
    encoded = model.encoder.encode(table)
    found = model.probe(encoded)
    shares = model.calibration.shares(found)[0]
    expected = model.expected(encoded, 0)
    columns = [
        {
            "column": name,
            "actual": row.get(name),
            "expected": expected.get(name, ("", 0.0))[0],
            "probability": round(expected.get(name, ("", 0.0))[1], 4),
            "share": round(float(share), 4),
            "percentile": _percentile(model, name, row.get(name)),
            "expected_percentile": _percentile(model, name, expected.get(name, (None,))[0]),
        }
        for name, share in zip(model.encoder.columns, shares, strict=True)
    ]
    columns.sort(key=lambda one: -one["share"])
    about = {name: value for name, value in score(model, [row])[0].items() if name != "reasons"}
    return {**about, "columns": columns, "repair": repair(model, row)}


def _percentile(model: Detector, column: str, cell: Any) -> float | None:
    """Where a number lies among the training rows, 0 to 100; None for what is no number."""
    feature = next((one for one in model.encoder.numbers if one.column == column and not one.part), None)
    if feature is None or cell is None:
        return None
    kind = next(one for one in model.encoder.kinds if one.name == column)
    import pyarrow as pa

    value, _ = number_column(pa.chunked_array([pa.array([str(cell)])]), decimal_comma=kind.decimal_comma)
    if np.isnan(value[0]):
        return None
    return round(float(np.interp(value[0], feature.scaler.quantiles, np.linspace(0, 100, 101))), 1)


def encode_file(model: Detector, file: Path) -> Path:
    """See the endpoint of this name; written piece by piece."""
    import pyarrow as pa
    import pyarrow.parquet

    target, writer = new_file(file, "-latent.parquet"), None
    for piece in stream_table(file):
        latent = model.probe(model.encoder.encode(piece)).latent
        table = pa.table({f"latent_{n}": latent[:, n] for n in range(latent.shape[1])})
        writer = writer or pyarrow.parquet.ParquetWriter(target, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
    return target


def embeddings(model: Detector, column: str) -> list[dict[str, Any]]:
    """See the endpoint of this name."""
    encoder = model.encoder
    category = next((n for n, one in enumerate(encoder.categories) if one.column == column and not one.part), None)
    number = next(
        (n for n, one in enumerate(encoder.numbers) if one.column == column and one.part in ("", "day")), None
    )
    if category is None and number is None:
        raise UserError(
            f"Column {column!r} is none that this model learnt from; those are: {', '.join(encoder.columns[:40])}."
        )
    return _category_vectors(model, category) if category is not None else _number_vectors(model, number or 0)


def _category_vectors(model: Detector, place: int) -> list[dict[str, Any]]:
    """Each value's embedding, and the values most like it."""
    feature = model.encoder.categories[place]
    kept = [number for number, count in enumerate(feature.counts) if count]
    vectors = model.model.embeddings.vectors(place).detach().numpy()[kept]
    return _listed([feature.spelled(number) for number in kept], [feature.counts[number] for number in kept], vectors)


def _number_vectors(model: Detector, place: int) -> list[dict[str, Any]]:
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


def write_vectors(model: Detector, column: str) -> Path:
    """The vectors of a column as a CSV file: value, count, v_0, v_1, …"""
    import pyarrow as pa
    import pyarrow.csv

    found = embeddings(model, column)
    vectors = np.asarray([one["vector"] for one in found])
    columns: dict[str, Any] = {
        "value": harmless(pa.chunked_array([pa.array([one["value"] for one in found], pa.string())]))
    }
    columns["count"] = pa.array([one["count"] for one in found], pa.int64())
    columns |= {f"v_{n}": pa.array(vectors[:, n]) for n in range(vectors.shape[1])}
    target = new_file(Path(f"{re.sub(r'[^A-Za-z0-9_-]+', '_', column)[:40]}.csv"), "-vectors.csv")
    pyarrow.csv.write_csv(pa.table(columns), target)
    return target
