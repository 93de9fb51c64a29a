"""The reference reader of separated text: records with the line each begins on, errors with their line number."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

MAX_RECORD_LINES = 1000  # that a quote holds together in a tab-separated record
QUOTED_OR_BARE = re.compile(r'"((?:[^"]++|"")*+)"(?=\t|\Z)|([^\t\r\n]*)')
OPEN_QUOTE = re.compile(r'"(?:[^"]++|"")*+\Z')


class Record(NamedTuple):
    """One record: the line it begins on (from 1), the line after it, and its fields; none where the line is blank."""

    line: int
    next_line: int
    fields: list[str]


def records(
    lines: Iterable[str], delimiter: str, *, strict: bool, first_line: int = 1, width: int = 0
) -> Iterator[Record]:
    """Yield every record of some lines, the first of which has the number `first_line`.

    Args:
        strict: Whether to refuse a quote that closes before the end of its field.
        width: Fields of a record; for a tab-separated file, where 0 takes the width of the first one.

    Raises:
        csv.Error: Naming the line.
    """
    if delimiter == "\t":
        yield from _tab_records(lines, first_line, width)
        return
    reader, line = csv.reader(lines, delimiter=delimiter, strict=strict), first_line
    try:
        for fields in reader:
            yield Record(line, first_line + reader.line_num, fields)
            line = first_line + reader.line_num
    except csv.Error:
        raise csv.Error(f"line {line}: a quote is opened and never closed before a separator") from None


def _tab_records(lines: Iterable[str], first_line: int, width: int) -> Iterator[Record]:
    """Yield the records of a tab-separated file, where most writers quote nothing and some quote like a CSV.

    A quote is special only where a field begins and ends with one. Where both readings are possible, the one that
    is as wide as the first record wins, so that two bare quotes far apart do not swallow the rows between them.
    """
    numbered, waiting = enumerate(lines, first_line), deque[tuple[int, str]]()

    def following() -> Iterator[str]:
        for ahead in range(MAX_RECORD_LINES):
            if ahead == len(waiting):
                waiting.extend(islice(numbered, 1))
            if ahead == len(waiting):
                return
            yield waiting[ahead][1]

    while item := waiting.popleft() if waiting else next(numbered, None):
        number, line = item
        extra = 0
        if '"' in line:
            fields, extra = _tab_fields(line, following(), width)
            for _ in range(extra):
                waiting.popleft()
        else:
            body = line.rstrip("\r\n")
            fields = body.split("\t") if body else []
        width = width or len(fields)
        yield Record(number, number + 1 + extra, fields)


def _tab_fields(line: str, following: Iterator[str], width: int) -> tuple[list[str], int]:
    """Return the fields of the record that begins with `line`, and how many of the following lines it takes."""
    fields, is_open = _split_tabs(line)
    if not is_open:
        bare = line.rstrip("\r\n").split("\t")
        return (bare if len(fields) != width == len(bare) else fields), 0
    joined, rows_stand_alone = line, len(fields) == width
    for extra, text in enumerate(following, 1):
        if text.strip() and rows_stand_alone:
            rows_stand_alone = False  # the first line with something on it decides
            if text.count("\t") == width - 1:
                return fields, 0
        joined += text
        whole, is_open = _split_tabs(joined)
        if not is_open:
            return (whole, extra) if whole and len(whole) == (width or len(whole)) else (fields, 0)
    return fields, 0


def _split_tabs(text: str) -> tuple[list[str], bool]:
    """Split at tabs outside balanced quotes; say whether a quote is still open at the end. No fields if it breaks."""
    body, fields, position, is_open = text.rstrip("\r\n"), [], 0, False
    while position <= len(body):
        match = QUOTED_OR_BARE.match(body, position)
        assert match is not None  # the second alternative matches nothing at least
        quoted, bare = match.groups()
        is_open = is_open or (quoted is None and bool(OPEN_QUOTE.match(text, position)))
        position = match.end() + 1
        if position <= len(body) and body[position - 1] != "\t":
            return [], is_open
        fields.append(bare if quoted is None else quoted.replace('""', '"'))
    return fields, is_open
