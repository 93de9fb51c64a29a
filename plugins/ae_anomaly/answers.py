"""The work behind the endpoints: tables and records in, files and records out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.ae_anomaly.thresholds import threshold_of
from training.arrow_columns import as_text
from training.data import Table, read_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.detector import Detector

MOST_ROWS = 10_000
MOST_CHANGES = 5
CHUNK = 50_000  # rows scored and written at once
FORMULA = r"^[=+\-@\t\r]"
NUMBER = r"^[+-]?[\d.,]+([eE][+-]?\d+)?$"


def score_file(model: Detector, file: Path, threshold: str = "") -> Path:
    """See the endpoint of this name. The columns are written as read, in chunks."""
    import pyarrow as pa
    import pyarrow.csv

    threshold_of(threshold, model.calibration.scores, np.zeros(1), np.ones(1))  # a slip is told before any work
    table = read_table(file)
    parts = [_scored_chunk(model, table, start) for start in range(0, len(table), CHUNK)]
    scores, p_values = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    limit = threshold_of(threshold, model.calibration.scores, scores, p_values)
    target = _new_file(table, "-scored.csv")
    reasons = pa.chunked_array([part[2] for part in parts])
    columns = {name: _harmless(values) for name, values in table.columns.items()}
    columns |= {
        "anomaly_score": pa.array(np.round(scores, 6)),
        "p_value": pa.array(np.round(p_values, 6)),
        "is_anomalous": pa.array((scores >= limit).astype(np.int8)),
        "reasons": reasons,
    }
    pyarrow.csv.write_csv(pa.table(columns), target)
    return target


def _scored_chunk(model: Detector, table: Table, start: int) -> tuple[np.ndarray, np.ndarray, Any]:
    import pyarrow as pa

    part = table if len(table) <= CHUNK else table.select(np.arange(start, min(start + CHUNK, len(table))))
    scores, p_values, found, _ = model.scores(part)
    words = ["; ".join(f"{name} {share:.0%}" for name, share in each) for each in model.reasons(found)]
    return scores, p_values, pa.array(words, pa.string())


def score(model: Detector, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """See the endpoint of this name."""
    scores, p_values, found, _ = model.scores(records(model, rows))
    limit = threshold_of("", model.calibration.scores, scores, p_values)
    return [
        {
            "anomaly_score": round(float(value), 6),
            "p_value": round(float(p), 6),
            "is_anomalous": bool(value >= limit),
            "reasons": [{"column": name, "share": round(share, 4)} for name, share in why],
        }
        for value, p, why in zip(scores, p_values, model.reasons(found), strict=True)
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
        }
        for name, share in zip(model.encoder.columns, shares, strict=True)
    ]
    columns.sort(key=lambda one: -one["share"])
    about = {name: value for name, value in score(model, [row])[0].items() if name != "reasons"}
    return {**about, "columns": columns, "repair": repair(model, row)}


def repair(model: Detector, row: dict[str, Any]) -> dict[str, Any]:
    """Change the cells that help most, one after the other, to what was expected, until the row is normal or 5 are changed."""
    limit = threshold_of("", model.calibration.scores, np.zeros(1), np.ones(1))
    now, changes = dict(row), {}
    value = float(model.scores(records(model, [now]))[0][0])
    while value >= limit and len(changes) < MOST_CHANGES:
        expected = model.expected(model.encoder.encode(records(model, [now])), 0)
        tries = [{**now, name: guess} for name, (guess, _) in expected.items() if name not in changes]
        if not tries:
            break
        after = model.scores(records(model, tries))[0]
        best = int(after.argmin())
        if after[best] >= value - 1e-6:
            break
        name = next(each for each in tries[best] if tries[best][each] != now.get(each)) if tries[best] != now else ""
        now, value = tries[best], float(after[best])
        changes |= {name: now[name]} if name else {}
    return {"changes": changes, "anomaly_score": round(value, 6), "is_anomalous": value >= limit}


def encode_file(model: Detector, file: Path) -> Path:
    """See the endpoint of this name."""
    import pyarrow as pa
    import pyarrow.parquet

    table = read_table(file)
    latent = model.probe(model.encoder.encode(table)).latent
    target = _new_file(table, "-latent.parquet")
    pyarrow.parquet.write_table(pa.table({f"latent_{n}": latent[:, n] for n in range(latent.shape[1])}), target)
    return target


def embeddings(model: Detector, column: str) -> list[dict[str, Any]]:
    """See the endpoint of this name."""
    place = next((n for n, one in enumerate(model.encoder.categories) if one.column == column and not one.part), None)
    if place is None:
        names = [one.column for one in model.encoder.categories if not one.part]
        raise UserError(f"Column {column!r} is no category of this model; its categories are: {', '.join(names) or 'none'}.")  # fmt: skip
    feature = model.encoder.categories[place]
    vectors = model.model.embeddings.vectors(place).detach().numpy()
    kept = [number for number, count in enumerate(feature.counts) if count]
    units = vectors[kept] / np.maximum(np.linalg.norm(vectors[kept], axis=1, keepdims=True), 1e-9)
    likeness = units @ units.T
    names = [feature.spelled(number) for number in kept]
    return [
        {
            "value": names[n],
            "count": feature.counts[number],
            "vector": [round(float(value), 6) for value in vectors[number]],
            "nearest": [names[other] for other in np.argsort(-likeness[n], kind="stable") if other != n][:5],
        }
        for n, number in enumerate(kept)
    ]


def records(model: Detector, rows: list[dict[str, Any]]) -> Table:
    """Records as a table of text, as a file would have them.

    Raises:
        UserError: None, too many, or rows without a column that the model knows.
    """
    import pyarrow as pa

    if not 1 <= len(rows) <= MOST_ROWS:
        raise UserError(f"{len(rows)} rows were given; 1 to {MOST_ROWS:,} at once are scored, more as a file.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    known = [name for name in model.encoder.columns if name in names]
    if not known:
        raise UserError(f"The rows have none of the model's columns: {', '.join(model.encoder.columns[:20])}.")
    cells = {name: pa.chunked_array([pa.array([_cell(row.get(name)) for row in rows], pa.string())]) for name in names}
    return Table(cells, np.arange(1, len(rows) + 1), (), "the rows", "")


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    raise UserError(f"A cell is {str(value)[:40]!r}; write text, a number, true, false or null.")


def _harmless(values: Any) -> Any:
    """A column as text; a cell that a spreadsheet would run as a formula gets an apostrophe."""
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc
    text = as_text(values)
    if text is None:
        return pa.nulls(len(values), pa.string())
    risky = compute.and_(
        compute.match_substring_regex(text, FORMULA), compute.invert(compute.match_substring_regex(text, NUMBER))
    )
    return compute.if_else(risky, compute.binary_join_element_wise("'", text, ""), text)


def _new_file(table: Table, suffix: str) -> Path:
    return Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{Path(table.source).name.split('.')[0]}{suffix}"
