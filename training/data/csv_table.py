"""Read separated text (CSV, TSV, `;`, `|`) block by block: every row, and the line on which it begins."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.column_names import check_names
from training.data.csv_blocks import LineBlocks, parse_plain_block
from training.data.csv_dialect import (
    SEPARATORS,
    USUAL_SEPARATORS,
    find_delimiter,
    guess_names,
    has_header,
    sample_rows,
)
from training.data.csv_records import records
from training.data.encoding import TextFile
from training.errors import UserError
from training.preflight.sheet import Finding

MAX_PROBLEMS = 5  # ragged lines that one message names
MAX_CELL_CHARACTERS = 2**31 - 1  # the csv module's own limit is 131,072
SAMPLE_CHARACTERS, SAMPLE_ROWS = 2**16, 1000  # from which separator and header are guessed
Chunk = tuple[
    dict[str, "pa.Array | pa.ChunkedArray"], np.ndarray
]  # columns by name; the line each row begins on, int64


@dataclass(frozen=True)
class Dialect:
    """How a file is separated, and what its columns are called."""

    delimiter: str
    names: list[str]
    has_header: bool


def read_delimited(file: TextFile) -> tuple[Iterator[Chunk], list[Finding]]:
    """Read every row; cells are text as written (`NA` stays `NA`), an empty cell is null.

    Returns:
        The rows, a block of the file at a time, and what was guessed about the file.

    Raises:
        UserError: At once for a file of blank lines or a column name used twice; while the rows are read, naming the
            line, for ragged rows, a quote never closed, or a NUL byte.
    """
    dialect, notices = find_dialect(file)
    return _chunks(file, dialect), notices


def find_dialect(file: TextFile) -> tuple[Dialect, list[Finding]]:
    """Guess separator, header and column names from the first lines."""
    with file.open() as text:
        sample = [line for line in text.readlines(SAMPLE_CHARACTERS) if line.strip()]
    if not sample:
        raise UserError(f"{file.path.name} holds only blank lines. Expected rows of text.")
    delimiter = find_delimiter(sample, file.suffix)
    rows = list(islice(sample_rows(sample, delimiter), SAMPLE_ROWS))
    if not has_header(rows, file.suffix):
        names = guess_names(rows)
        detail = "If the first line is a header, write plain names there, such as text and label."
        notices = [Finding("amber", f"No header found: columns named {', '.join(names)}", detail)]
        dialect = Dialect(delimiter, names, False)
    else:
        names = [cell.strip() or f"column_{number}" for number, cell in enumerate(rows[0], 1)]
        check_names(names, file.path.name)
        dialect, notices = Dialect(delimiter, names, True), []
    if len(names) > 1 and delimiter != USUAL_SEPARATORS.get(file.suffix):
        notices.insert(0, Finding("green", f"Separator {SEPARATORS[delimiter]} found"))
    return dialect, notices


def _chunks(file: TextFile, dialect: Dialect) -> Iterator[Chunk]:
    """Yield the rows below the header; a file with ragged rows is refused after the blocks before the first of them."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))  # process-wide, and only ever raised
    reader = _Reader(file, dialect)
    skip, count = int(dialect.has_header), 0
    try:
        for columns, lines in reader.blocks():
            if not len(lines) or reader.problems:
                continue
            rows = dict(zip(dialect.names, [column[skip:] for column in columns], strict=True))
            yield rows, lines[skip:]
            count, skip = count + len(lines) - skip, 0
    finally:
        reader.source.close()
    if reader.problems:
        advice = 'Put a text that holds the separator between double quotes, and write a quote inside it as "".'
        raise UserError(f"{file.path.name} cannot be read: {'; '.join(reader.problems)}. {advice}")
    if not count:
        names = ", ".join(dialect.names)
        raise UserError(f"{file.path.name} has the header {names} but no rows. Add at least one row.")


class _Reader:
    """Parses a file block by block, with Arrow where possible, and counts lines."""

    def __init__(self, file: TextFile, dialect: Dialect):
        self.name, self.delimiter, self.width = file.path.name, dialect.delimiter, len(dialect.names)
        self.source = LineBlocks(file)
        self.line = 1  # of the file, at the start of the next block
        self.problems: list[str] = []
        self.is_done = False

    def blocks(self) -> Iterator[tuple[list[Any], np.ndarray]]:
        """Yield (columns, lines) of every block, until the end or the last problem that is named."""
        while not self.is_done and (block := self.source.read()):
            parsed = parse_plain_block(block, self.delimiter, self.width)
            if parsed is None:
                yield self._read_records(block)
                continue
            self.source.unread(block[parsed.size :])
            yield parsed.columns, parsed.lines + self.line
            self.line += parsed.line_count

    def _read_records(self, block: bytes) -> tuple[list[Any], np.ndarray]:
        """Parse a block with the reference reader, and the lines after it that belong to its last record."""
        line_after, lines_beyond = self.line + _count_lines(block), list[bytes]()
        text = chain(io.StringIO(block.decode(), newline=""), self._lines_beyond(lines_beyond))
        rows: list[list[str]] = []
        lines: list[int] = []
        numbered = self._without_nul(text, self.line)
        try:
            for record in records(numbered, self.delimiter, strict=True, first_line=self.line, width=self.width):
                self.line = record.next_line
                if len(record.fields) == self.width:
                    rows.append(record.fields)
                    lines.append(record.line)
                elif len(record.fields) > 1 or (record.fields and record.fields[0].strip()):  # a blank line is no row
                    self.problems.append(f"line {record.line} has {len(record.fields)} fields, {self.width} expected")
                    self.is_done = len(self.problems) == MAX_PROBLEMS
                if self.line >= line_after or self.is_done:
                    break
        except csv.Error as error:
            self.problems.append(str(error))
            self.is_done = True
        self.source.unread(b"".join(lines_beyond[max(0, self.line - line_after) :]))
        return _to_arrow(rows, self.width), np.array(lines, np.int64)

    def _lines_beyond(self, lines: list[bytes]) -> Iterator[str]:
        """Yield the lines after the block; `lines` collects all that were read, so that unused ones can be returned."""
        while block := self.source.read():
            start = len(lines)
            lines += block.splitlines(keepends=True)
            yield from (line.decode() for line in lines[start:])

    def _without_nul(self, lines: Iterable[str], first_line: int) -> Iterator[str]:
        for number, line in enumerate(lines, first_line):
            if "\0" in line:
                raise UserError(
                    f"{self.name} has a NUL byte in line {number}: damaged, or not text. Save it again as UTF-8."
                )
            yield line


def _count_lines(block: bytes) -> int:
    """Count lines that end in a line feed, a carriage return or both, and a last one without an end."""
    count = block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")
    return count + (not block.endswith((b"\n", b"\r")))


def _to_arrow(rows: list[list[str]], width: int) -> list[pa.Array]:
    compute: Any = pc  # its functions are made at import time, unseen by a type checker
    columns = [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)] or [pa.array([], pa.string())] * width
    return [compute.if_else(compute.equal(column, ""), pa.scalar(None, pa.string()), column) for column in columns]
