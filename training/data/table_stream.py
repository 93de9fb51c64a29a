"""Stream large tables chunk by chunk as Arrow arrays, without Python objects per row or the whole file in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.csv_table import Chunk
from training.data.hub_dataset import load_hub_dataset
from training.data.table import Table, fingerprint, join_chunks, readable
from training.data.table_cache import read_training_table
from training.data.table_format import read_chunks
from training.data.tabular.rows_below import without_rows_below
from training.errors import UserError

if TYPE_CHECKING:
    from training.settings import TableData

CHUNK_ROWS = 50_000
MAX_STREAM_BYTES = 20 * 2**30


def stream_table(path: Path, rows: int = CHUNK_ROWS) -> Iterator[Table]:
    """Yield a table in pieces of `rows` rows, the last one shorter, in order; every piece has the same columns.

    Cells, lines and errors are those of `read_table`; JSON alone is read whole.

    Raises:
        UserError: As `read_table` does, at the latest with the piece that holds the fault.
    """
    with readable(path):
        chunks, notices = read_chunks(path, MAX_STREAM_BYTES)
        digest = fingerprint(path)
        for piece in _cut(chunks, rows):
            yield join_chunks(piece, notices, path.name, digest)


def _cut(chunks: Iterator[Chunk], rows: int) -> Iterator[list[Chunk]]:
    """Yield lists of chunks that have `rows` rows together."""
    piece: list[Chunk] = []
    wanted = rows
    for columns, lines in chunks:
        start = 0
        while start < len(lines):
            taken = {name: values.slice(start, wanted) for name, values in columns.items()}
            piece.append((taken, lines[start : start + wanted]))
            start, wanted = start + len(piece[-1][1]), wanted - len(piece[-1][1])
            if not wanted:
                yield piece
                piece, wanted = [], rows
    if piece:
        yield piece


def read_training_rows(settings: TableData) -> Table:
    """Read the training table of a run: its file without totals and notes below the rows, or its data set of the Hub.

    Raises:
        UserError: If there is none or it cannot be read.
    """
    if settings.data:
        return without_rows_below(read_rows(Path(settings.data)))
    if settings.dataset:
        return load_hub_dataset(settings.dataset, "train")
    raise UserError("No data: upload a CSV, TSV, JSONL or Parquet file of rows to learn from.")


def read_rows(path: Path) -> Table:
    """Read a table to train on as a whole, however large."""
    return read_training_table(path, max_bytes=MAX_STREAM_BYTES)
