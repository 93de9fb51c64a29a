"""Data: a table out of any file a user has, told by what the file holds."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.arrow import as_text, plain_columns
from training.data.column_names import check_names
from training.data.csv_table import read_delimited
from training.data.encoding import find_encoding, is_gzip, open_bytes
from training.data.json_table import read_json
from training.errors import UserError
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    import pyarrow as pa

MEBIBYTE = 2**20
UNPACKED = 4  # times max_bytes that a compressed file may grow to
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
WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE)
JSON_START = re.compile(r"\s*(\[\s*)?\{\s*\"")
WHOLE_NUMBER = r"^\s*([-+]?\d+(\.0+)?\s*)?$"

Parts = tuple[dict[str, "pa.ChunkedArray"], np.ndarray, list[Finding]]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows read from one file.

    Args:
        columns: Arrow arrays by name, in the file's order. Cells of separated text are strings as written, null where
            empty; JSON and Parquet keep their types.
        lines: The line of the file on which each row begins (from 1), int64; the row's number for Parquet.
        notices: What was guessed or repaired while reading.
        source: The file's name, without its folder.
        fingerprint: First 16 hex digits of the SHA-256 of the file's bytes.
    """

    columns: dict[str, pa.ChunkedArray]
    lines: np.ndarray
    notices: tuple[Finding, ...]
    source: str
    fingerprint: str

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in the file's order."""
        return tuple(self.columns)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column.

        Raises:
            UserError: If there is none of this name; the message lists those there are.
        """
        if name not in self.columns:
            raise UserError(f"Column '{name}' is not in {self.source}; it has: {', '.join(self.names)}.")
        return self.columns[name]

    def strings(self, column: str) -> list[str | None]:
        """Return a column as people write it, None where empty.

        A column of whole numbers loses its ".0", whatever the format; the items of a list are joined by ", ".

        Raises:
            UserError: If the column is missing, or holds images or records.
        """
        import pyarrow.compute as pc

        compute: Any = pc
        text = as_text(self.column(column))
        if text is None:
            raise UserError(f"Column '{column}' of {self.source} holds {self.columns[column].type}, not text.")
        if compute.all(compute.match_substring_regex(text, WHOLE_NUMBER)).as_py():
            text = compute.replace_substring_regex(text, r"\.0+(\s*)$", r"\1")
        return text.to_pylist()

    def select(self, rows: Sequence[int] | np.ndarray) -> Table:
        """Return the rows of these indexes, in their order."""
        import pyarrow as pa

        index = np.asarray(rows, dtype=np.int64)
        columns = {name: values.take(pa.array(index)) for name, values in self.columns.items()}
        return replace(self, columns=columns, lines=self.lines[index])

    def head(self, count: int) -> list[dict[str, Any]]:
        """Return the first rows as records."""
        values = [column.slice(0, count).to_pylist() for column in self.columns.values()]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*values, strict=True)]


def text_table(columns: Mapping[str, Sequence[str | None]], source: str) -> Table:
    """Columns of text, None where empty, as a file called `source` would have them."""
    import pyarrow as pa

    cells = {name: pa.chunked_array([pa.array(values, pa.string())]) for name, values in columns.items()}
    rows = len(next(iter(columns.values())))
    return Table(cells, np.arange(1, rows + 1), (), source, "")


def read_table(path: Path, *, max_bytes: int = 500 * MEBIBYTE) -> Table:
    """Read CSV, TSV, SSV, |-separated text, JSON lines, a JSON array or Parquet, each also gzipped, told by content.

    Args:
        max_bytes: Size above which a file is refused unread; unpacked, it may be four times that.

    Raises:
        UserError: Naming the file, and the line or column where there is one.
    """
    try:
        _check_size(path, max_bytes)
        columns, lines, notices = _read(path, max_bytes * UNPACKED)
        return Table(columns, lines, tuple(notices), path.name, fingerprint(path))
    except OSError as error:  # the error's own words hold the folder
        raise UserError(f"{path.name} cannot be read: {error.strerror or 'damaged file'}.") from error


def fingerprint(path: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _check_size(path: Path, max_bytes: int) -> None:
    """Refuse by size before a byte is read, then a gzip file that is damaged or unpacks to too much."""
    if not path.is_file():
        raise UserError(f"There is no file {path.name}.")
    size, most = path.stat().st_size, max_bytes * UNPACKED
    if size > max_bytes:
        raise UserError(f"{path.name} has {_mebibytes(size)}, more than {_mebibytes(max_bytes)}. Take a part of it.")
    if is_gzip(path) and (size := _unpacked_bytes(path, most)) > most:
        raise UserError(f"{path.name} unpacks to more than {_mebibytes(most)}. Take a part of it.")
    if not size:
        raise UserError(f"{path.name} is empty (0 bytes).")


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / MEBIBYTE:,.1f} MiB"


def _unpacked_bytes(path: Path, most: int) -> int:
    """Count the bytes a gzip file unpacks to, no further than just above `most`."""
    total = 0
    try:
        with open_bytes(path) as file:
            while total <= most and (block := file.read(MEBIBYTE)):
                total += len(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path.name} is a damaged gzip file. Copy or download it again.") from error
    return total


def _read(path: Path, most: int) -> Parts:
    """Choose the reader by what the file begins with; only a JSON name outweighs that."""
    with open_bytes(path) as file:
        head = file.read(4096)
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if head.startswith(b"PAR1") or ".parquet" in suffixes:
        return _read_parquet(path, most)
    foreign = next((words for magic, words in FOREIGN.items() if head.startswith(magic)), None)
    if WEB_PAGE.match(head):
        foreign = "a web page: download the file itself"
    if foreign:
        raise UserError(f"{path.name} is no table but {foreign}.")
    file, notices = find_encoding(path)
    with file.open() as text:
        is_json = bool(suffixes & {".json", ".jsonl", ".ndjson"} or JSON_START.match(text.read(4096)))
    columns, lines, more = read_json(file) if is_json else read_delimited(file)
    return columns, lines, notices + more


def _read_parquet(path: Path, most: int) -> Parts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_bytes(path) as raw:
            file = pq.ParquetFile(io.BytesIO(raw.read()) if is_gzip(path) else raw)
            unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
            if unpacked > most:
                raise UserError(f"{path.name} unpacks to more than {_mebibytes(most)}. Take a part of it.")
            check_names(file.schema_arrow.names, path.name)
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path.name} is not a Parquet file, or a damaged one. Copy or download it again.") from error
    if not table.num_rows:
        raise UserError(f"{path.name} has the columns {', '.join(table.column_names)} but no rows. Add some.")
    return plain_columns(table), np.arange(1, table.num_rows + 1), []
