"""Read one shard row by row, from any row on: Parquet, JSON lines or text, of this machine or of the Hub.

Not by `datasets.IterableDataset`: its text and JSON readers hold a whole line in memory, its errors name no row, and
what was in its shuffle buffer is lost when a state is loaded.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from training.data.column_guess import guess_text_columns
from training.data.streams.sources import Shard
from training.data.table import text_table
from training.data.table_format import open_parquet, parquet_batches
from training.errors import UserError
from training.retry import pause_seconds

MAX_LINE_CHARACTERS = 200_000  # of a text file's line; a longer one is read as several rows
MAX_JSON_CHARACTERS = 256_000_000  # of a JSON line, which is read as a whole
PARQUET_ROWS = 256  # decoded at once
GUESS_ROWS = 100  # from which the text column is guessed
ATTEMPTS = 5  # to read on at the Hub after its connection broke
FAULTS = (OSError, EOFError, ValueError, zlib.error, pa.ArrowException)


class Row(NamedTuple):
    """A row of a table, or a line of a text file with its end.

    Args:
        number: From 0.
        text: None where a table's cell is empty.
    """

    number: int
    text: str | None


def read_rows(shard: Shard, column: str, start: int = 0) -> Iterator[Row]:
    """Yield the rows from number `start` on; a connection to the Hub that breaks is taken up again.

    Args:
        column: Of the texts in a table; unused for text files.

    Raises:
        UserError: Naming the shard and the row, where it is damaged or cannot be read.
    """
    reader = {"parquet": _parquet_rows, "jsonl": _json_rows, "text": _lines}[shard.format]
    row, attempt = start, 1
    while True:
        try:
            for text in reader(shard, column, row):
                yield Row(row, text)
                row, attempt = row + 1, 1
            return
        except UserError:
            raise
        except Exception as error:  # of pyarrow, zlib, the file system or the Hub's client: they share no base
            if not shard.is_local and attempt < ATTEMPTS and not isinstance(error, FileNotFoundError | pa.ArrowInvalid):
                time.sleep(pause_seconds(error, attempt))
                attempt += 1
                continue
            if not shard.is_local or isinstance(error, FAULTS):
                raise UserError(_damage(shard, row, error)) from error
            raise


def _damage(shard: Shard, row: int, error: Exception) -> str:
    place = f"{shard.name}, row {row + 1:,}"
    if isinstance(error, FileNotFoundError):
        reason = "the shard is gone"
    else:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return (
        f"{place}: {reason}. Put a whole copy of the shard in its place, then resume the run: it goes on from its last "
        "checkpoint."
    )


def text_column(shard: Shard, given: str = "") -> str:
    """The column of the texts, guessed from the first rows unless it is given; empty for a text file.

    Raises:
        UserError: If there is no such column, or none that could be it.
    """
    if shard.format == "text":
        return ""
    records = _first_records(shard)
    names = list(dict.fromkeys(name for record in records for name in record))
    if not names:
        raise UserError(f"{shard.name} holds no rows: the text column cannot be guessed from it.")
    columns = {name: [_cell(record.get(name)) for record in records] for name in names}
    return guess_text_columns(text_table(columns, shard.name), text_column=given, need_label=False).text


def _cell(value: object) -> str | None:
    return value if isinstance(value, str) or value is None else json.dumps(value, default=str)


def _first_records(shard: Shard) -> list[dict[str, Any]]:
    try:
        if shard.format == "parquet":
            with _open(shard) as file:
                batches = parquet_batches(open_parquet(file), GUESS_ROWS)
                return next(batches, pa.record_batch({})).to_pylist()
        return list(itertools.islice(_records(shard, 0), GUESS_ROWS))
    except FAULTS as error:
        if isinstance(error, UserError):
            raise
        if shard.format == "jsonl" and isinstance(error, ValueError):
            raise UserError(f"{shard.name}: its first lines are not JSON objects, one a line. {error}"[:300]) from error
        raise UserError(_damage(shard, 0, error)) from error


def _parquet_rows(shard: Shard, column: str, start: int) -> Iterator[str | None]:
    with _open(shard) as file:
        parquet = open_parquet(file)
        if column not in parquet.schema_arrow.names:
            raise UserError(f"{shard.name} has no column '{column}'; it has: {', '.join(parquet.schema_arrow.names)}.")
        group, first = _group_of(parquet, start)
        skip = start - first
        for batch in parquet_batches(parquet, PARQUET_ROWS, [column], group):
            values = batch.column(0).slice(min(skip, len(batch))).to_pylist()
            skip = max(0, skip - len(batch))
            yield from (_text(value, shard, column) for value in values)


def _group_of(parquet: pq.ParquetFile, start: int) -> tuple[int, int]:
    """The row group that holds the row `start`, or the number of all; and its first row."""
    first = 0
    for number in range(parquet.num_row_groups):
        rows = parquet.metadata.row_group(number).num_rows
        if first + rows > start:
            return number, first
        first += rows
    return parquet.num_row_groups, first


def _json_rows(shard: Shard, column: str, start: int) -> Iterator[str | None]:
    for record in _records(shard, start):
        yield _text(record.get(column), shard, column)


def _records(shard: Shard, start: int) -> Iterator[dict[str, Any]]:
    """The objects of the lines from number `start` on; blank lines are empty objects."""
    with _open_text(shard) as file:
        for number in itertools.count():
            line = file.readline(MAX_JSON_CHARACTERS)
            if not line:
                return
            if len(line) == MAX_JSON_CHARACTERS and not line.endswith("\n"):
                raise ValueError(f"a line of JSON has more than {MAX_JSON_CHARACTERS:,} characters")
            if number < start:
                continue
            record = json.loads(line) if line.strip() else {}
            if not isinstance(record, dict):
                raise ValueError(f"expected one JSON object a line, and found {type(record).__name__}")
            yield record


def _text(value: object, shard: Shard, column: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise UserError(f"Column '{column}' of {shard.name} holds {type(value).__name__}, not text: give text_column.")


def _lines(shard: Shard, column: str, start: int) -> Iterator[str | None]:
    with _open_text(shard) as file:
        for number in itertools.count():
            line = file.readline(MAX_LINE_CHARACTERS)
            if not line:
                return
            if number >= start:
                yield line


@contextlib.contextmanager
def _open_text(shard: Shard) -> Iterator[io.TextIOWrapper]:
    """UTF-8; bytes that are not become U+FFFD, of which the sheet tells."""
    with _open(shard) as file, _unpacked(file, shard.packing) as plain:
        yield io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace")


def _open(shard: Shard) -> BinaryIO:
    if shard.is_local:
        return open(shard.path, "rb")  # noqa: PTH123 - the callers close it
    from training.data.streams.hub_shards import open_hub_file

    return open_hub_file(shard.path)


def _unpacked(file: BinaryIO, packing: str) -> BinaryIO:
    if packing == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if packing == ".zst":
        return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(file, "zstd")))  # type: ignore[arg-type]
    return file
