"""Read separated text (CSV, TSV, `;`, `|`) block by block: every row, and the line on which it begins."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.column_names import HEADER_NAMES, check_names, is_scored, plain_name
from training.data.csv_blocks import LineBlocks, parse_plain_block
from training.data.csv_dialect import (
    SEPARATORS,
    USUAL_SEPARATORS,
    find_delimiter,
    find_preamble,
    guess_names,
    has_header,
    sample_rows,
)
from training.data.csv_records import records
from training.data.encoding import TextFile
from training.data.shape_limits import MAX_FIRST_LINE, check_columns, check_first_line
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

MAX_PROBLEMS = 5  # ragged lines that one message names
MAX_CELL_CHARACTERS = 2**31 - 1  # the csv module's own limit is 131,072
SAMPLE_CHARACTERS, SAMPLE_ROWS = 2**16, 1000  # from which separator and header are guessed
Chunk = tuple[
    dict[str, "pa.Array | pa.ChunkedArray"], np.ndarray
]  # columns by name; the line each row begins on, int64


BYTE_ORDER_MARK = "\ufeff"  # inside a file: of a file that was appended to another
FIRST_NAMES = ("id", "index", "key", "nr", "number", "name", "title", "text", "label", "class")  # ends of such names
APOSTROPHE = r"^'('*[=+\-@\t\r])"  # that our scored files put before what a spreadsheet would run as a formula


@dataclass(frozen=True)
class Dialect:
    """How a file is separated, and what its columns are called.

    Args:
        header: Cells of the header as written; empty if there is none.
        first_line: The line of the header, or of the first row, from 1: those above are skipped.
    """

    delimiter: str
    names: list[str]
    header: list[str]
    first_line: int


def read_delimited(file: TextFile) -> tuple[Iterator[Chunk], list[Finding]]:
    """Read every row; cells are text as written (`NA` stays `NA`), an empty cell is null.

    A row equal to the header but for its case (of files that were joined) is dropped.

    Returns:
        The rows, a block of the file at a time, and what was guessed about the file. The list gets longer while the
        rows are read: it is complete after the last of them.

    Raises:
        UserError: At once for a file of blank lines or a column name used twice; while the rows are read, naming the
            line, for ragged rows, a quote never closed, or a NUL byte.
    """
    dialect, notices = find_dialect(file)
    return _chunks(file, dialect, notices), notices


def find_dialect(file: TextFile) -> tuple[Dialect, list[Finding]]:
    """Guess separator, header and column names from the first lines."""
    with file.open() as text:
        first = text.readline(MAX_FIRST_LINE + 1)
        check_first_line(first, file.path.name)
        lines = [first, *text.readlines(SAMPLE_CHARACTERS)]
    preamble = find_preamble(lines, file.suffix)
    sample = [line for line in lines[preamble.lines :] if line.strip()]
    if not sample:
        raise UserError(f"{file.path.name} holds only blank lines. Expected rows of text.")
    check_columns(max(map(sample[0].count, SEPARATORS)) // 2, file.path.name)  # half: some may stand between quotes
    delimiter = preamble.delimiter or find_delimiter(sample, file.suffix)
    rows = list(islice(sample_rows(sample, delimiter), SAMPLE_ROWS))
    _check_not_quoted_whole(rows, file)
    notices, header, below_header = [], rows[0], 0
    check_columns(len(header), file.path.name)
    if has_header(rows, file.suffix):
        if wider := _one_field_wider(rows, sample, delimiter):
            header, below_header = wider, _lines_of_first(sample, delimiter)
        names = [cell.strip() or f"column_{number}" for number, cell in enumerate(header, 1)]
        check_names(names, file.path.name)
        if below_header:
            notices, header = [_told_wider(rows, names[0], is_last=header[-1] == "")], []
    else:
        names, header = guess_names(rows), []
        detail = "If the first line is a header, write plain names there, such as text and label."
        notices = [Finding("amber", f"No header found: columns named {', '.join(names)}", detail)]
    if len(names) > 1 and delimiter != USUAL_SEPARATORS.get(file.suffix):
        notices.insert(0, Finding("green", f"Separator {SEPARATORS[delimiter]} found"))
    if preamble.title:
        title = f"{counted(preamble.lines, 'line')} above the header skipped"
        notices.append(Finding("amber", title, f"{preamble.title[:80]!r} is taken for a title."))
    return Dialect(delimiter, names, header, 1 + preamble.lines + below_header), notices


def _one_field_wider(rows: list[list[str]], sample: list[str], delimiter: str) -> list[str]:
    """The header of rows that all have one field more: a separator at their ends, or names of rows, as R writes them;
    empty if they have not, or if a text of each may hold a separator without quotes."""
    header, *others = rows
    others = [row for row in others if row]
    if len(header) < 2 or len(others) < 2 or any(len(row) != len(header) + 1 for row in others):
        return []
    if not any(row[-1].strip() for row in others):
        return [*header, ""]
    first = plain_name(header[0])
    if first in HEADER_NAMES or first.endswith(FIRST_NAMES):
        return []
    return ["", *header] if _have_row_names(others, sample, delimiter) else []


def _told_wider(rows: list[list[str]], first: str, is_last: bool) -> Finding:
    """What is said of the field that the header lacks."""
    title = "The rows have one field more than the header"
    if is_last:
        return Finding("green", title, "It is the last one, which is empty.")
    detail = f"The first one, {rows[1][0][:40]!r} and so on, is read as names of rows, {first!r}."
    return Finding("amber", title, f"{detail} Put a text that holds the separator between double quotes.")


def _have_row_names(rows: list[list[str]], sample: list[str], delimiter: str) -> bool:
    """Whether the first cells name the rows, and no unquoted separator of a text or a number widens them."""
    names = [row[0] for row in rows]
    if delimiter == "\t":
        return len({*names}) == len(names) and all(len(name.split()) == 1 for name in names)
    header_is_quoted, *are_quoted = (line.startswith('"') for line in sample)
    if not all(are_quoted) and (len(names) < 3 or names != [str(number) for number in range(1, len(names) + 1)]):
        return False
    if any(row[-1][:1].isspace() for row in rows):
        return False
    return (header_is_quoted and all(are_quoted)) or not _may_split_numbers(rows)


def _may_split_numbers(rows: list[list[str]]) -> bool:
    """Whether two neighbouring columns may be one of numbers with decimal commas: 3,50."""
    columns = list(zip(*rows, strict=True))
    return any(
        all(re.fullmatch(r"\W*\d+", left) and right[:1].isdigit() for left, right in zip(*pair, strict=True))
        for pair in pairwise(columns)
    )


def _lines_of_first(sample: list[str], delimiter: str) -> int:
    """Lines that the first record takes."""
    return next(iter(records(sample, delimiter, strict=False))).next_line - 1


def _check_not_quoted_whole(rows: list[list[str]], file: TextFile) -> None:
    """Refuse a table of which each line stands between quotes, as one cell; a list of "Paris, France" is none."""
    cells = [row[0] for row in rows if len(row) == 1]
    if file.suffix not in USUAL_SEPARATORS or len(cells) < max(3, len(rows)):
        return
    for separator in SEPARATORS:
        counts = {cell.count(separator) for cell in cells}
        if len(counts) == 1 and counts != {0} and _is_header_of(cells[0], cells[1:], separator):
            raise UserError(
                f"{file.path.name} has each line between quotes, so that it is one cell: {cells[0][:60]!r}. Remove the "
                "quotes around whole lines, or save the sheet as CSV again."
            )


def _is_header_of(first: str, others: list[str], separator: str) -> bool:
    """Whether a line is made of names such as sepal_length, and the others of numbers or other words."""

    def are_names(line: str) -> bool:
        return all(cell.isidentifier() and (cell.islower() or "_" in cell) for cell in line.split(separator))

    has_digits = any(map(str.isdigit, "".join(others)))
    return are_names(first) and (has_digits or not any(map(are_names, others)))


def _chunks(file: TextFile, dialect: Dialect, notices: list[Finding]) -> Iterator[Chunk]:
    """Yield the rows below the header; a file with ragged rows is refused after the blocks before the first of them."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARACTERS))  # process-wide, and only ever raised
    reader = _Reader(file, dialect)
    skip, count, repeated = int(bool(dialect.header)), 0, list[int]()
    try:
        for columns, lines in reader.blocks():
            if not len(lines) or reader.problems:
                continue
            columns, lines, dropped = _without_headers([c[skip:] for c in columns], lines[skip:], dialect.header)
            if is_scored(dialect.names):
                columns = [_without_apostrophes(column) for column in columns]
            yield dict(zip(dialect.names, columns, strict=True)), lines
            count, skip, repeated = count + len(lines), 0, repeated + dropped
    finally:
        reader.source.close()
    if reader.problems:
        advice = "Put a text that holds the separator between double quotes, with no blank before them, and write a"
        advice += ' quote inside it as "".'
        raise UserError(f"{file.path.name} cannot be read: {'; '.join(reader.problems)}. {advice}")
    if not count:
        names = ", ".join(dialect.names)
        raise UserError(f"{file.path.name} has the header {names} but no rows. Add at least one row.")
    if reader.below:
        title = f"{counted(len(reader.below), 'line')} below the table left out: {reader.below[0][1][:60]!r}"
        notices.append(Finding("amber", title, f"{at_lines([line for line, _ in reader.below]).capitalize()}."))
    if repeated:
        title = f"{counted(len(repeated), 'row')} dropped: the header again"
        notices.append(Finding("amber", title, f"{at_lines(repeated).capitalize()}: were files joined?"))


def _without_headers(columns: list[Any], lines: np.ndarray, header: list[str]) -> tuple[list[Any], np.ndarray, list]:
    """Drop the rows that are equal to a header of several cells; return the lines that they begin on, too."""
    if len(header) < 2 or not len(lines):
        return columns, lines, []
    compute: Any = pc
    is_header: Any = pa.scalar(True)
    for number, (column, cell) in enumerate(zip(columns, header, strict=True)):
        name = cell.strip().lower()
        marked = [BYTE_ORDER_MARK + name, f'{BYTE_ORDER_MARK}"{name}"'] if number == 0 else []
        cells = compute.utf8_lower(compute.utf8_trim_whitespace(column))
        is_header = compute.and_(is_header, compute.is_in(cells, pa.array([name or None, *marked], pa.string())))
        if not compute.any(is_header).as_py():
            return columns, lines, []
    mask = is_header.to_numpy(zero_copy_only=False)
    return [column.filter(pa.array(~mask)) for column in columns], lines[~mask], lines[mask].tolist()


def _without_apostrophes(column: Any) -> Any:
    """Cells of a file that we scored, as they were before (`predictions_csv.harmless_text`)."""
    compute: Any = pc
    return compute.replace_substring_regex(column, APOSTROPHE, r"\1")


class _Reader:
    """Parses a file block by block, with Arrow where possible, and counts lines."""

    def __init__(self, file: TextFile, dialect: Dialect):
        self.name, self.delimiter, self.width = file.path.name, dialect.delimiter, len(dialect.names)
        self.source = LineBlocks(file)
        self.source.skip_lines(dialect.first_line - 1)
        self.line = dialect.first_line  # of the file, at the start of the next block
        self.problems: list[str] = []
        self.below: list[tuple[int, str]] = []  # lines of one text alone, which are notes unless rows follow
        self.is_done = False

    def blocks(self) -> Iterator[tuple[list[Any], np.ndarray]]:
        """Yield (columns, lines) of every block, until the end or the last problem that is named."""
        while not self.is_done and (block := self.source.read()):
            parsed = parse_plain_block(block, self.delimiter, self.width)
            if parsed is None:
                yield self._read_records(block)
                continue
            self.source.unread(block[parsed.size :])
            if len(parsed.lines):
                self._rows_follow()
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
                    self._rows_follow()
                    rows.append(record.fields)
                    lines.append(record.line)
                elif self._may_be_note(record.fields):
                    self.below.append((record.line, record.fields[0].strip()))
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

    def _may_be_note(self, fields: list[str]) -> bool:
        """Whether a line is several words alone, as below the tables of offices: a source, the time of an export; one
        word may be the start of a row that was cut off."""
        is_text = len(fields) == 1 and len(fields[0].split()) > 1 and any(map(str.isalpha, fields[0]))
        return is_text and self.width > 2 and len(self.below) < MAX_PROBLEMS

    def _rows_follow(self) -> None:
        """Lines of one text alone are no notes below the table if rows follow."""
        self.problems += [f"line {line} has 1 fields, {self.width} expected" for line, _ in self.below]
        self.is_done = self.is_done or bool(self.below)
        self.below = []

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
