"""Write a user's table with a model's predictions beside it, as CSV, chunk by chunk, without spreadsheet formulas."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from training.data.arrow import as_text
from training.data.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMULA = r"^'*[=+\-@\t\r]"  # a spreadsheet runs a cell that begins so (OWASP, "CSV Injection"); ' marks it as text
NUMBER = r"^[+-]?[\d.,]+([eE][+-]?\d+)?$"  # but a negative number is none


def write_predictions(table: Table, names: Sequence[str], predictions: Mapping[int, Sequence[str]]) -> Path:
    """Write a whole table and then the columns of `names`, as CSV in a new temporary folder.

    Scored again by the same model, a file comes out as it went in. A single column of that name (`translation`) is
    replaced only if it holds the same cells, or is called `predicted_...`: it may be the user's own.

    Args:
        predictions: Row number -> one cell per name; a row that is not there gets blanks.
    """
    blank = ("",) * len(names)
    cells = zip(*(predictions.get(row, blank) for row in range(len(table))), strict=True) if len(table) else ()
    columns = {name: pa.array(values, pa.string()) for name, values in zip(names, cells, strict=True)}
    if len(names) == 1 and table.names[-1:] == tuple(names) and len(table.names) > 1:
        before = [cell or "" for cell in table.columns[names[0]].to_pylist()]
        if names[0].startswith("predicted_") or before == columns[names[0]].to_pylist():
            table = replace(table, columns={name: table.columns[name] for name in table.names[:-1]})
    target = temporary_file(table.source, "-scored.csv")
    with predictions_writer(target) as write:
        write(table, columns)
    return target


@contextmanager
def predictions_writer(target: Path) -> Iterator[PredictionsWriter]:
    """A `PredictionsWriter` whose file is closed, and so complete, at the end of the block."""
    writer = PredictionsWriter(target)
    try:
        yield writer
    finally:
        writer.close()


class PredictionsWriter:
    """Appends chunks of a table, each with its predictions, to one CSV file.

    >>> with predictions_writer(temporary_file(path.name, "-scored.csv")) as write:
    ...     for chunk in stream_table(path):
    ...         write(chunk, {"anomaly_score": pa.array(scores(chunk))})
    """

    def __init__(self, target: Path):
        self.target = target
        self._writer: Any = None

    def __call__(self, table: Table, predictions: Mapping[str, Any]) -> None:
        """Write a chunk: its columns as harmless text, then the predictions, Arrow arrays with one value per row.

        Predictions of several columns at the end of the table are of the same kind of model: the file was scored
        before, and they are replaced. Any other column that has the name of a prediction is kept as NAME_before.
        Predictions of text are made harmless too; every chunk needs the same columns and types.
        """
        columns: dict[str, Any] = {}
        before = [*table.columns][-len(predictions) :] if len(predictions) > 1 else []
        for name, values in table.columns.items():
            if before == [*predictions] and name in predictions:
                continue
            columns[_free_name(name, {*predictions, *table.columns} - {name}, predictions)] = harmless_text(values)
        for name, values in predictions.items():
            columns[name] = harmless_text(values) if pa.types.is_string(values.type) else values
        rows = pa.table(columns)
        self._writer = self._writer or pyarrow.csv.CSVWriter(self.target, rows.schema)
        self._writer.write_table(rows)

    def close(self) -> None:
        """Complete the file."""
        if self._writer is not None:
            self._writer.close()


def _free_name(name: str, taken: set[str], predictions: Mapping[str, Any]) -> str:
    while name in predictions or name in taken:
        name = f"{name}_before"
    return name


def harmless_text(values: pa.Array | pa.ChunkedArray) -> Any:
    """A column as text; a cell that a spreadsheet would run as a formula gets an apostrophe, numbers stay as they are.

    `without_apostrophes` takes it back when our file is read; a cell that had such an apostrophe gets a second one.
    What has no plain spelling (records, bytes) becomes null.
    """
    compute: Any = pc
    text: object = as_text(values)
    if text is None:
        return pa.nulls(len(values), pa.string())
    is_number = compute.match_substring_regex(text, NUMBER)
    is_formula = compute.and_(compute.match_substring_regex(text, FORMULA), compute.invert(is_number))
    if not compute.any(is_formula).as_py():
        return text.cast(pa.string())
    return compute.if_else(is_formula, compute.binary_join_element_wise("'", text, ""), text).cast(pa.string())


def temporary_file(source: str, suffix: str) -> Path:
    """A path in a new temporary folder: the source's name up to its first dot, then the suffix."""
    return Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{Path(source).name.split('.')[0]}{suffix}"
