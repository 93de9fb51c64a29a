"""A table read from a file of the user: typed columns, and the line of the file on which each row begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training import files
from training.data.arrow import as_text, json_cells
from training.data.column_names import plain_name
from training.data.csv_table import Chunk
from training.data.table_format import MAX_BYTES, read_chunks
from training.errors import UserError
from training.preflight.sheet import Finding

ITERATED_ROWS = 10_000  # in memory at once
WHOLE_NUMBER = r"^\s*([-+]?\d+(\.0+)?\s*)?$"


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

    columns: Mapping[str, pa.ChunkedArray]
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
        return self._text(column).to_pylist()

    def iter_strings(self, column: str) -> Iterator[str | None]:
        """Yield what `strings` returns, of which only some rows are in memory at a time.

        Raises:
            UserError: As `strings`.
        """
        text = self._text(column)
        for start in range(0, len(text), ITERATED_ROWS):
            yield from text.slice(start, ITERATED_ROWS).to_pylist()

    def _text(self, column: str) -> pa.ChunkedArray:
        compute: Any = pc
        text = as_text(self.column(column))
        if text is None:
            raise UserError(f"Column '{column}' of {self.source} holds {self.columns[column].type}, not text.")
        if compute.all(compute.match_substring_regex(text, WHOLE_NUMBER)).as_py():
            text = compute.replace_substring_regex(text, r"\.0+(\s*)$", r"\1")
        return text

    def select(self, rows: Sequence[int] | np.ndarray) -> Table:
        """Return the rows of these indexes, in their order."""
        index = np.asarray(rows, dtype=np.int64)
        columns = {name: values.take(pa.array(index)) for name, values in self.columns.items()}
        return replace(self, columns=columns, lines=self.lines[index])

    def view(self, rows: Sequence[int] | np.ndarray) -> Table:
        """As `select`, but a column is copied each time that it is asked for, so that no other is in memory."""
        index = np.asarray(rows, dtype=np.int64)
        return replace(self, columns=_ColumnsOfRows(self.columns, index), lines=self.lines[index])

    def slice(self, start: int, rows: int) -> Table:
        """Return some rows that stand one after the other; nothing is copied."""
        columns = {name: values.slice(start, rows) for name, values in self.columns.items()}
        return replace(self, columns=columns, lines=self.lines[start : start + rows])

    def spelled_as(self, names: Sequence[str]) -> Table:
        """The table, its columns named as in `names` where they are spelled like one: `Text ` and `TEXT` as `text`.

        A column whose very name is wanted keeps it; so do two that are spelled like the same one.
        """
        absent = {plain_name(name): name for name in names if name not in self.columns}
        found = Counter(plain_name(name) for name in self.columns if name not in names)
        renamed = {
            name: absent[plain]
            for name in self.columns
            if name not in names and found[plain := plain_name(name)] == 1 and plain in absent
        }
        if not renamed:
            return self
        return replace(self, columns={renamed.get(name, name): values for name, values in self.columns.items()})

    def head(self, count: int) -> list[dict[str, Any]]:
        """Return the first rows as records that JSON can hold: dates and decimals are text, bytes their number."""
        values = [json_cells(column.slice(0, count)) for column in self.columns.values()]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*values, strict=True)]


class _ColumnsOfRows(Mapping[str, pa.ChunkedArray]):
    """Some rows of columns, copied when they are asked for."""

    def __init__(self, columns: Mapping[str, pa.ChunkedArray], rows: np.ndarray):
        self._columns, self._rows = columns, pa.array(rows)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        return self._columns[name].take(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def text_table(columns: Mapping[str, Sequence[str | None]], source: str) -> Table:
    """Make a table of columns of text, None where empty, as a file called `source` would have them."""
    cells = {name: pa.chunked_array([pa.array(values, pa.string())]) for name, values in columns.items()}
    rows = len(next(iter(columns.values())))
    return Table(cells, np.arange(1, rows + 1), (), source, "")


def read_table(path: Path, *, max_bytes: int = MAX_BYTES) -> Table:
    """Read a whole file of any format that `read_chunks` knows.

    Args:
        max_bytes: Size above which a file is refused unread; unpacked, it may be four times that.

    Raises:
        UserError: Naming the file, and the line or column where there is one.
    """
    with readable(path):
        chunks, notices = read_chunks(path, max_bytes)
        return join_chunks(list(chunks), notices, path.name, fingerprint(path))


def join_chunks(chunks: list[Chunk], notices: Sequence[Finding], source: str, digest: str) -> Table:
    """Make one table of the chunks of a file."""
    columns = {
        name: pa.chunked_array(
            [part for columns, _ in chunks for part in _parts(columns[name])], chunks[0][0][name].type
        )
        for name in chunks[0][0]
    }
    lines = np.concatenate([lines for _, lines in chunks])
    return Table(columns, lines, tuple(notices), source, digest)


def _parts(values: pa.Array | pa.ChunkedArray) -> Sequence[pa.Array]:
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the system's errors about a file into a sentence without its folder."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror or 'damaged file'}.") from error


def fingerprint(path: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of a file's bytes."""
    return files.sha256(path)[:16]
