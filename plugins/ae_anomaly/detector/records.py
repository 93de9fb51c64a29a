"""Records of the API and single rows of a file as tables for the detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.data.table import Table, text_table
from training.data.table_stream import stream_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

MAX_RECORDS = 10_000


def records_table(model: AnomalyPredictor, rows: list[dict[str, Any]]) -> Table:
    """Records as a table of text, as a file would have them.

    Raises:
        UserError: None, too many, or rows without a column that the model knows.
    """
    if not 1 <= len(rows) <= MAX_RECORDS:
        raise UserError(f"{len(rows)} rows were given; 1 to {MAX_RECORDS:,} at once are scored, more as a file.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    known = [name for name in model.encoder.columns if name in names]
    if not known:
        raise UserError(f"The rows have none of the model's columns: {', '.join(model.encoder.columns[:20])}.")
    return text_table({name: [_cell(row.get(name)) for row in rows] for name in names}, "the rows")


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    raise UserError(f"A cell is {str(value)[:40]!r}; write text, a number, true, false or null.")


def read_row(model: AnomalyPredictor, file: Path, number: int) -> dict[str, str | None]:
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
            return {name: one.strings(name)[0] for name in one.names if name in model.encoder.columns}
        before += len(piece)
    raise UserError(f"Row {number} was given; the file has rows 1 to {before}.")


def read_rows_at(file: Path, numbers: list[int]) -> list[dict[str, str | None]]:
    """All cells of some rows, counted from 1, in the order asked for."""
    wanted, found, before = set(numbers), {}, 0
    for piece in stream_table(file):
        inside = [number for number in sorted(wanted) if before < number <= before + len(piece)]
        if inside:
            part = piece.select([number - 1 - before for number in inside])
            cells = {name: part.strings(name) for name in part.names}
            found |= {number: {name: values[at] for name, values in cells.items()} for at, number in enumerate(inside)}
        before += len(piece)
    return [found[number] for number in numbers if number in found]


def first_rows(file: Path, most: int) -> Table:
    """The first rows of a file, at most `most`."""
    return next(iter(stream_table(file, most)))
