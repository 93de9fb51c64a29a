"""Records of the API and single rows of a file as tables for the detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from training.data.arrow import json_cells, spelled_cells
from training.data.json_table import column_of
from training.data.table import Table
from training.data.table_stream import stream_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

MAX_RECORDS = 10_000


def records_table(model: AnomalyPredictor, rows: list[dict[str, Any]]) -> Table:
    """Records as a table, typed as those of a JSON file are.

    Raises:
        UserError: None, too many, or rows without a column that the model knows.
    """
    if not 1 <= len(rows) <= MAX_RECORDS:
        raise UserError(f"{len(rows)} rows were given; 1 to {MAX_RECORDS:,} at once are scored, more as a file.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    known = [name for name in model.encoder.columns if name in names]
    if not known:
        raise UserError(f"The rows have none of the model's columns: {', '.join(model.encoder.columns[:20])}.")
    columns = {name: column_of([_cell(row.get(name)) for row in rows], name, {}) for name in names}
    cells = {name: pa.chunked_array([values]) for name, values in columns.items()}
    return Table(cells, np.arange(1, len(rows) + 1), (), "The table", "")


def _cell(value: object) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise UserError(f"A cell is {str(value)[:40]!r}; write text, a number, true, false or null.")


def read_row(model: AnomalyPredictor, file: Path, number: int) -> dict[str, Any]:
    """The cells of one row that the model knows.

    Args:
        number: Counted from 1.

    Raises:
        UserError: If the file has fewer rows.
    """
    before = 0
    for piece in stream_table(file):
        if before < number <= before + len(piece):
            one = piece.select([number - 1 - before])
            return {name: _typed(one.column(name)) for name in one.names if name in model.encoder.columns}
        before += len(piece)
    raise UserError(f"Row {number} was given; the file has rows 1 to {before}.")


def _typed(values: pa.ChunkedArray) -> Any:
    """The first cell of a column, as `records_table` takes it: text as written, numbers as numbers."""
    decimal = pa.types.is_decimal(values.type)
    return json_cells(values.cast(pa.float64()) if decimal else values)[0]


def read_rows_at(file: Path, numbers: list[int]) -> list[dict[str, str | None]]:
    """All cells of some rows, counted from 1, in the order asked for."""
    wanted, found, before = set(numbers), {}, 0
    for piece in stream_table(file):
        inside = [number for number in sorted(wanted) if before < number <= before + len(piece)]
        if inside:
            part = piece.select([number - 1 - before for number in inside])
            cells = {name: spelled_cells(part.column(name)) for name in part.names}
            found |= {number: {name: values[at] for name, values in cells.items()} for at, number in enumerate(inside)}
        before += len(piece)
    return [found[number] for number in numbers if number in found]


def first_rows(file: Path, most: int) -> Table:
    """The first rows of a file, at most `most`."""
    return next(iter(stream_table(file, most)))
