"""Recognise what a table's file holds by its content, refuse what is no table, and read it chunk by chunk."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.data.arrow import plain_columns
from training.data.column_names import check_names
from training.data.csv_table import Chunk, read_delimited
from training.data.encoding import find_encoding, is_gzip, open_bytes
from training.data.fasttext_lines import START, read_fasttext
from training.data.json_table import read_json
from training.data.shape_limits import check_columns, check_unpacked
from training.errors import UserError
from training.preflight.sheet import Finding

MEBIBYTE = 2**20
MAX_BYTES = 500 * MEBIBYTE  # of a file that is read as a whole
UNPACKED = 4  # times that limit that a compressed file may grow to
PARQUET_ROWS, PARQUET_BUFFER_BYTES = 50_000, 2**20  # of a chunk, and of what is read of a column at once
FOREIGN = {  # what files that are no tables begin with
    b"PK\x03\x04": "a zip archive or an Excel workbook: export the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel or Office file: export the sheet as CSV",
    b"%PDF": "a PDF: export the table as CSV",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"BZh": "a bzip2 file: unpack it first",
    b"\xfd7zXZ": "an xz file: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd file: unpack it first",
    b"\x93NUMPY": "a NumPy array: save it as CSV",
    b"SQLite format": "a database: export the table as CSV",
    b"version https://git-lfs": "only a Git LFS pointer: download the file itself",
}
WEB_PAGE = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE)
XML = {  # formats by a tag in their first bytes
    b"<tmx": "a translation memory (TMX): export it as a table with a column for each language",
    b"<xliff": "an XLIFF file: export it as a table with a column for each language",
    b"urn:schemas-microsoft-com:office": "an Excel workbook in XML: save the sheet as CSV",
}
JSON_START = re.compile(r"\s*(\[\s*)?\{\s*\"")


def read_chunks(path: Path, max_bytes: int) -> tuple[Iterator[Chunk], list[Finding]]:
    """Read separated text (CSV, TSV, SSV, |), JSON, fastText or Parquet, each also gzipped, told by content.

    Separated text and Parquet are read chunk by chunk, JSON (lines or an array) and fastText as a whole.

    Args:
        max_bytes: Size above which a file is refused unread; unpacked, it may be four times that, or four times
            `MAX_BYTES`.

    Returns:
        Columns and line numbers of one chunk after the other, and what was guessed or repaired.

    Raises:
        UserError: Naming the file; from the iterator too, naming the line or column where there is one.
    """
    max_unpacked = min(max_bytes, MAX_BYTES) * UNPACKED
    _check_size(path, max_bytes)
    head = _head(path)
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if head.startswith(b"PAR1") or ".parquet" in suffixes:
        return _parquet_chunks(path, max_unpacked if max_bytes <= MAX_BYTES else None), []
    _check_is_table(path, head)
    if is_gzip(path):
        _check_unpacked_size(path, max_unpacked)
    file, notices = find_encoding(path)
    with file.open() as text:
        start = text.read(4096)
    if START.match(start):
        return iter([read_fasttext(file)]), notices
    if suffixes & {".json", ".jsonl", ".ndjson"} or JSON_START.match(start):
        columns, lines, more = read_json(file)
        return iter([(columns, lines)]), notices + more
    chunks, more = read_delimited(file)
    more[:0] = notices  # in place: the list grows while the rows are read
    return chunks, more


def _check_size(path: Path, max_bytes: int) -> None:
    """Refuse by size before a byte is read."""
    if not path.is_file():
        raise UserError(f"There is no file {path.name}.")
    size = path.stat().st_size
    if size > max_bytes:
        raise UserError(f"{path.name} has {_mebibytes(size)}, more than {_mebibytes(max_bytes)}. Take a part of it.")
    if not size:
        raise UserError(f"{path.name} is empty (0 bytes).")


def _head(path: Path) -> bytes:
    """The first bytes, unpacked."""
    with _damage_in_words(path), open_bytes(path) as file:
        head = file.read(4096)
    if not head:
        raise UserError(f"{path.name} is empty (0 bytes).")
    return head


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / MEBIBYTE:,.1f} MiB"


def _check_unpacked_size(path: Path, max_unpacked: int) -> None:
    """Refuse a gzip file that is damaged, or that unpacks to too much, as soon as it has."""
    total, packed = 0, path.stat().st_size
    with _damage_in_words(path), open_bytes(path) as file:
        while block := file.read(MEBIBYTE):
            total += len(block)
            check_unpacked(packed, total, path.name)
            if total > max_unpacked:
                raise UserError(f"{path.name} unpacks to more than {_mebibytes(max_unpacked)}. Take a part of it.")


@contextlib.contextmanager
def _damage_in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path.name} is a damaged gzip file. Copy or download it again.") from error


def _check_is_table(path: Path, head: bytes) -> None:
    foreign = next((description for magic, description in FOREIGN.items() if head.startswith(magic)), None)
    if WEB_PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
        is_page = b"<html" in head.lower() or b"<!doctype html" in head.lower()
        other = "a web page: download the file itself" if is_page else "an XML file: convert it to CSV, TSV or JSONL"
        foreign = next((words for tag, words in XML.items() if tag in head), other)
    if foreign:
        raise UserError(f"{path.name} is no table but {foreign}.")


def _parquet_chunks(path: Path, max_unpacked: int | None) -> Iterator[Chunk]:
    """Yield batches of rows; refuse a file that unpacks to too much at once, for a reader that holds all of it."""
    first = 1
    for table in parquet_tables(path, max_unpacked, PARQUET_ROWS):
        yield plain_columns(table), np.arange(first, first + len(table))
        first += len(table)


def parquet_tables(path: Path, max_unpacked: int | None, rows: int) -> Iterator[pa.Table]:
    """Yield `rows` rows after the other of a Parquet file, as it has them.

    Args:
        max_unpacked: Bytes above which the file is refused; None for a reader that does not hold all of it.

    Raises:
        UserError: If it is damaged, or refused.
    """
    decoded, packed = 0, path.stat().st_size
    try:
        with open_bytes(path) as raw:
            file = open_parquet(io.BytesIO(raw.read()) if is_gzip(path) else raw)
            _check_parquet(path, file, max_unpacked)
            for batch in parquet_batches(file, rows):
                decoded += batch.nbytes
                check_unpacked(packed, decoded, path.name)
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path.name} is not a Parquet file, or a damaged one. Copy or download it again.") from error


def open_parquet(file: BinaryIO) -> pq.ParquetFile:
    """A Parquet file whose columns are read a piece at a time, not a row group at once."""
    return pq.ParquetFile(file, buffer_size=PARQUET_BUFFER_BYTES, pre_buffer=False)


def parquet_batches(
    file: pq.ParquetFile, rows: int, columns: list[str] | None = None, first_group: int = 0
) -> Iterator[pa.RecordBatch]:
    """Yield up to `rows` rows after the other; one row group is asked for at a time, since a reader of several keeps
    what it has read: of 250 MB it held 220."""
    for group in range(first_group, file.num_row_groups):
        yield from file.iter_batches(batch_size=rows, row_groups=[group], columns=columns)


def _cell_bytes(kind: pa.DataType) -> float:
    """Bytes that a cell of that type takes at least; of text and lists, its place alone."""
    try:
        return kind.bit_width / 8
    except ValueError:
        return 4


def _check_parquet(path: Path, file: pq.ParquetFile, max_unpacked: int | None) -> None:
    unpacked = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
    if max_unpacked is not None and unpacked > max_unpacked:
        raise UserError(f"{path.name} unpacks to more than {_mebibytes(max_unpacked)}. Take a part of it.")
    decoded = file.metadata.num_rows * sum(map(_cell_bytes, file.schema_arrow.types))
    check_unpacked(path.stat().st_size, max(unpacked, decoded), path.name)
    names = file.schema_arrow.names
    check_columns(len(names), path.name)
    check_names(names, path.name)
    if not file.metadata.num_rows:
        raise UserError(f"{path.name} has the columns {', '.join(names)} but no rows. Add some.")
