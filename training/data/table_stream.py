"""Large tables a piece at a time, as Arrow arrays: a million rows never become Python objects, nor lie in memory at once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.arrow import plain_columns
from training.data.column_names import check_names
from training.data.csv_dialect import find_delimiter, has_header, lenient_records
from training.data.csv_table import column_names
from training.data.encoding import TextFile, find_encoding, is_gzip, open_bytes
from training.data.hub_dataset import load_hub_dataset
from training.data.table import Table, read_table
from training.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

    from training.settings import TableData

PIECE_ROWS = 50_000
LARGE_BYTES = 16 * 2**20  # below this a file is read whole, by the reader that names lines
BLOCK_BYTES = 8 * 2**20
LARGEST_BYTES = 20 * 2**30
TEXT_SUFFIXES = ("", ".csv", ".ssv", ".txt")  # tab-separated files quote in a way of their own


def stream_table(path: Path, rows: int = PIECE_ROWS) -> Iterator[Table]:
    """Yield a table in pieces of at most `rows` rows, in order; every piece has the same columns.

    CSV and Parquet are streamed where they are large; JSON lines and small files are read whole and cut up.

    Raises:
        UserError: As `read_table` does, at the latest with the piece that holds the fault.
    """
    if not path.is_file() or path.stat().st_size < LARGE_BYTES or is_gzip(path):
        yield from _cut(read_table(path), rows, 0)
        return
    given = 0
    try:
        for piece in _large_pieces(path):
            for part in _cut(piece, rows, 0):
                given += len(part)
                yield part
    except _arrow_error():
        yield from _cut(read_table(path, max_bytes=LARGEST_BYTES), rows, given)  # names the line, or knows better


def read_training_rows(settings: TableData) -> Table:
    """The training table of a run: its file, or its data set of the Hub.

    Raises:
        UserError: If there is none or it cannot be read.
    """
    if settings.data:
        return read_rows(Path(settings.data))
    if settings.dataset:
        return load_hub_dataset(settings.dataset, "train")
    raise UserError("No data: upload a CSV, TSV, JSONL or Parquet file of rows to learn from.")


def read_rows(path: Path) -> Table:
    """Read a table whole; a large one by Arrow alone, so that only `Table.lines` are rows' numbers instead of lines."""
    import pyarrow as pa

    if not path.is_file() or path.stat().st_size < LARGE_BYTES or is_gzip(path):
        return read_table(path)
    pieces = list(stream_table(path, 10**9))
    columns = {
        name: pa.chunked_array([chunk for one in pieces for chunk in one.column(name).chunks])
        for name in pieces[0].names
    }
    first = pieces[0]
    return Table(columns, np.arange(1, sum(map(len, pieces)) + 1), first.notices, first.source, first.fingerprint)


def _cut(table: Table, rows: int, skip: int) -> Iterator[Table]:
    for start in range(skip, len(table), rows):
        columns = {name: values.slice(start, rows) for name, values in table.columns.items()}
        yield Table(columns, table.lines[start : start + rows], table.notices, table.source, table.fingerprint)


def _large_pieces(path: Path) -> Iterator[Table]:
    """Pieces of a large file as Arrow cuts them; of what Arrow does not stream, the whole."""
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"PAR1":
        yield from _parquet_pieces(path)
        return
    if path.suffix.lower() not in TEXT_SUFFIXES:
        yield read_table(path, max_bytes=LARGEST_BYTES)
        return
    text, notices = find_encoding(path)
    first = 1
    for batch in _csv_batches(text):
        columns = {name: _empty_as_null(batch.column(name)) for name in batch.schema.names}
        yield Table(columns, np.arange(first, first + len(batch)), tuple(notices), path.name, "")
        first += len(batch)


def _csv_batches(text: TextFile) -> Iterator[pa.RecordBatch]:
    """Batches of cells as written, all of them strings."""
    import pyarrow as pa
    from pyarrow import csv

    with text.open() as lines:
        sample = [line for line in lines.readlines(2**16) if line.strip()]
    delimiter = find_delimiter(sample, text.suffix)
    known = [fields for _, fields in islice(lenient_records(sample, delimiter), 1000)]
    names, _ = column_names(known, text)
    options: dict[str, Any] = {"skip_rows": int(has_header(known, text.suffix)), "block_size": BLOCK_BYTES}
    with open_bytes(text.path) as raw:
        reader = csv.open_csv(
            raw,
            csv.ReadOptions(column_names=names, encoding=text.encoding.replace("-sig", ""), **options),
            csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
        yield from reader


def _empty_as_null(values: pa.Array) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc
    filled = compute.if_else(compute.equal(values, ""), pa.scalar(None, pa.string()), values)
    return pa.chunked_array([filled])


def _parquet_pieces(path: Path) -> Iterator[Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = 1
    try:
        file = pq.ParquetFile(path)
        check_names(file.schema_arrow.names, path.name)
        for batch in file.iter_batches(batch_size=PIECE_ROWS):
            lines = np.arange(first, first + len(batch))
            yield Table(plain_columns(pa.Table.from_batches([batch])), lines, (), path.name, "")
            first += len(batch)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path.name} is not a Parquet file, or a damaged one. Copy or download it again.") from error


def _arrow_error() -> type[Exception]:
    import pyarrow as pa

    return pa.ArrowInvalid
