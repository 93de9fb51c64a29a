"""Read separated text (CSV, TSV, `;`, `|`): every row, and the line on which it begins."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from training.data.column_names import check_names
from training.data.csv_dialect import (
    SEPARATORS,
    USUAL_SEPARATORS,
    find_delimiter,
    guess_names,
    has_header,
    lenient_records,
)
from training.data.csv_records import records
from training.data.encoding import TextFile
from training.errors import UserError
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 2**16
MOST_PROBLEMS = 5
LONGEST_CELL = 2**31 - 1  # characters; the csv module's own limit is 131,072


def read_delimited(file: TextFile) -> tuple[dict[str, pa.ChunkedArray], np.ndarray, list[Finding]]:
    """Read every row; cells are text as written (`NA` stays `NA`), an empty cell is null.

    Returns:
        The columns in order, the line each row begins on (int64), and what was guessed on the way.

    Raises:
        UserError: Naming the line (ragged rows, a quote never closed, a NUL byte) or the column (a name used twice).
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))  # process-wide, and only ever raised
    with file.open() as text:
        sample = [line for line in text.readlines(2**16) if line.strip()]
    if not sample:
        raise UserError(f"{file.path.name} holds only blank lines. Expected rows of text.")
    delimiter = find_delimiter(sample, file.suffix)
    rows = [fields for _, fields in islice(lenient_records(sample, delimiter), 1000)]
    names, notices = column_names(rows, file)
    columns, lines = _read_columns(file, delimiter, len(names), skip_first=has_header(rows, file.suffix))
    if len(names) > 1 and delimiter != USUAL_SEPARATORS.get(file.suffix):
        notices.insert(0, Finding("green", f"Separator {SEPARATORS[delimiter]} found"))
    if not len(lines):
        raise UserError(f"{file.path.name} has the header {', '.join(names)} but no rows. Add at least one row.")
    return dict(zip(names, columns, strict=True)), lines, notices


def column_names(rows: list[list[str]], file: TextFile) -> tuple[list[str], list[Finding]]:
    if not has_header(rows, file.suffix):
        names = guess_names(rows)
        detail = "If the first line is a header, write plain names there, such as text and label."
        return names, [Finding("amber", f"No header found: columns named {', '.join(names)}", detail)]
    names = [cell.strip() or f"column_{number}" for number, cell in enumerate(rows[0], 1)]
    check_names(names, file.path.name)
    return names, []


def _read_columns(
    file: TextFile, delimiter: str, width: int, *, skip_first: bool
) -> tuple[list[pa.ChunkedArray], np.ndarray]:
    """Stream the rows into Arrow, a chunk of Python objects at a time."""
    rows: list[list[str]] = []
    chunks: list[list[pa.Array]] = []
    lines = array("q")
    with file.open() as text:
        for line, fields in islice(_whole_records(file.path.name, text, delimiter, width), int(skip_first), None):
            rows.append(fields)
            lines.append(line)
            if len(rows) == CHUNK_ROWS:
                chunks.append(_to_arrow(rows))
                rows = []
    if rows:
        chunks.append(_to_arrow(rows))
    return _join(chunks, width), np.frombuffer(lines, dtype=np.int64) if lines else np.zeros(0, np.int64)


def _to_arrow(rows: list[list[str]]) -> list[pa.Array]:
    import pyarrow as pa

    return [pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)]


def _join(chunks: list[list[pa.Array]], width: int) -> list[pa.ChunkedArray]:
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc  # its functions are made at import time, unseen by a type checker
    columns = [pa.chunked_array([chunk[i] for chunk in chunks], pa.string()) for i in range(width)]
    return [compute.if_else(compute.equal(column, ""), pa.scalar(None, pa.string()), column) for column in columns]


def _whole_records(source: str, text: TextIO, delimiter: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of every record, and refuse the file at its end if some were not `width` wide."""
    problems: list[str] = []
    try:
        for line, fields in records(_without_nul(source, text), delimiter, strict=True):
            if len(fields) == width:
                yield line, fields
            elif len(fields) > 1 or (fields and fields[0].strip()):  # a blank line is no row
                problems.append(f"line {line} has {len(fields)} fields, {width} expected")
                if len(problems) == MOST_PROBLEMS:
                    break
    except csv.Error as error:
        problems.append(str(error))
    if problems:
        advice = 'Put a text that holds the separator between double quotes, and write a quote inside it as "".'
        raise UserError(f"{source} cannot be read: {'; '.join(problems)}. {advice}")


def _without_nul(source: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise UserError(f"{source} has a NUL byte in line {number}: damaged, or not text. Save it again as UTF-8.")
        yield line
