"""Read a text file in blocks of whole lines, and parse with Arrow those whose quoting is unambiguous.

The reference reader of separated text is `csv_records` (Python's csv module): exact line numbers and errors, 0.4
million rows of three cells per second. Arrow parses several times as many, but by other quoting rules: it reads
`7,"x"y,z` as `xy` without an error. So each block is first checked as bytes. If every quote opens, closes or escapes as
RFC 4180 defines, and no NUL or lone carriage return occurs, both readers give the same cells, and Arrow parses the
block; every other block goes to the reference reader. The result depends neither on the file's size nor on the block
boundaries (tests/data/test_csv_blocks.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, TextIO

import numpy as np
import pyarrow as pa
from pyarrow import csv

from training.data.encoding import TextFile, open_bytes

BLOCK_BYTES = 2**20
QUOTE, LINE_FEED, CARRIAGE_RETURN = b'"\n\r'
LINE_END = re.compile(rb"\r\n|\n|\r")


class LineBlocks:
    """Reads a text file as UTF-8 bytes, in blocks that end where a line ends."""

    def __init__(self, file: TextFile):
        self.size = BLOCK_BYTES
        self._unread = b""
        self._bytes: BinaryIO | None = open_bytes(file.path) if file.encoding.startswith("utf-8") else None
        self._text: TextIO | None = None if self._bytes else file.open()
        if self._bytes and file.encoding == "utf-8-sig":
            self._bytes.read(3)

    def close(self) -> None:
        for file in filter(None, (self._bytes, self._text)):
            file.close()

    def read(self) -> bytes:
        """Return the next whole lines, about `size` bytes or one longer line; nothing at the end of the file."""
        block, self._unread = self._unread, b""
        while True:
            if len(block) >= self.size:
                end = _end_of_last_line(block)
                if end:
                    self._unread = block[end:]
                    return block[:end]
            more = self._read_bytes(max(self.size, len(block)))  # twice as much for a line longer than a block
            if not more:
                return block
            block += more

    def skip_lines(self, count: int) -> None:
        """Skip the first lines of the file."""
        while count and (block := self.read()):
            ends = [match.end() for match in islice(LINE_END.finditer(block), count)]
            count -= len(ends)
            if ends and not count:
                self.unread(block[ends[-1] :])

    def unread(self, rest: bytes) -> None:
        """Return the unparsed end of a block; the next block begins with it."""
        self._unread = rest + self._unread

    def _read_bytes(self, count: int) -> bytes:
        if self._bytes:
            return self._bytes.read(count)
        assert self._text is not None
        return self._text.read(count).encode()


def _end_of_last_line(block: bytes) -> int:
    """Bytes up to the end of the last whole line; 0 if none ends.

    A carriage return at the very end may be half of one.
    """
    return max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1


@dataclass(frozen=True)
class ParsedBlock:
    """The records at the beginning of a block.

    Args:
        columns: One Arrow array of strings per column, null where empty.
        lines: Where each record begins, in lines from the block's first (0), int64.
        size: Bytes that were parsed.
        line_count: Lines that were parsed, those without a record too.
    """

    columns: list[pa.Array]
    lines: np.ndarray
    size: int
    line_count: int


def parse_plain_block(block: bytes, delimiter: str, width: int) -> ParsedBlock | None:
    """Parse the whole records of a block with Arrow; None if the block needs the reference reader.

    It does if a quote stands inside an unquoted field or after a quoted one, if it holds a NUL byte or a lone carriage
    return, if a record is not `width` fields wide, or if one quoted field extends over the whole block. Tab-separated
    text has quoting rules of its own (`csv_records`), so there any quote is enough.
    """
    if b"\0" in block or (delimiter == "\t" and b'"' in block) or _has_lone_return(block):
        return None
    values = np.frombuffer(block, np.uint8)
    lines = _find_lines(block, values)
    if not len(lines.ends) or not _is_well_formed(values, lines.quotes, ord(delimiter)):
        return None
    size = min(int(lines.ends[-1]) + 1, len(block))
    columns = _arrow_columns(block[:size], delimiter, width, has_quotes=len(lines.quotes) > 0)
    begins = _record_lines(values, lines)
    if columns is None or any(len(column) != len(begins) for column in columns):
        return None
    return ParsedBlock(columns, begins, size, len(lines.ends))


@dataclass(frozen=True)
class _Lines:
    """Ends of a block's lines up to its last whole record, which of them end a record, and positions of its quotes."""

    ends: np.ndarray
    ends_record: np.ndarray
    quotes: np.ndarray


def _find_lines(block: bytes, values: np.ndarray) -> _Lines:
    ends = np.flatnonzero(values == LINE_FEED)
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    if b'"' not in block:
        return _Lines(ends, np.ones(len(ends), bool), ends[:0])
    quotes = np.flatnonzero(values == QUOTE)
    quotes_before = np.searchsorted(quotes, ends)
    ends_record = quotes_before % 2 == 0  # an even number: the line ends outside a quoted field
    count = int(np.flatnonzero(ends_record)[-1]) + 1 if ends_record.any() else 0
    return _Lines(ends[:count], ends_record[:count], quotes[: quotes_before[count - 1] if count else 0])


def _has_lone_return(block: bytes) -> bool:
    return b"\r" in block and block.count(b"\r") != block.count(b"\r\n")


def _is_well_formed(values: np.ndarray, quotes: np.ndarray, delimiter: int) -> bool:
    """Whether every quote opens a field, closes one, or is half of an escaped pair inside one (RFC 4180, §2.5 to 2.7).

    Numbered from 0, even quotes open a field or are the second of a pair, odd ones close it or are the first of a pair.
    An even one must follow a separator, a line's end or at once the quote before it; an odd one must precede a
    separator, a line's end or at once the quote after it. By induction over the quotes a reader is then outside a
    quoted field before each even quote and inside one before each odd quote, so that no two readers can disagree.
    """
    if not len(quotes):
        return True
    before = values[quotes[::2] - 1]
    after = values[np.minimum(quotes[1::2] + 1, len(values) - 1)]
    if quotes[0] == 0:  # the block's edges are edges of lines
        before[0] = LINE_FEED
    if quotes[-1] == len(values) - 1:
        after[-1] = LINE_FEED
    opens = (before == delimiter) | (before == LINE_FEED) | (before == QUOTE)
    closes = (after == delimiter) | (after == LINE_FEED) | (after == CARRIAGE_RETURN) | (after == QUOTE)
    return bool(opens.all() and closes.all())


def _arrow_columns(block: bytes, delimiter: str, width: int, has_quotes: bool) -> list[pa.Array] | None:
    """Parse columns of strings, empty cells as nulls; None if a record has another width."""
    if not block.strip(b"\r\n"):
        return [pa.array([], pa.string())] * width
    names = [str(number) for number in range(width)]
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False),
            csv.ParseOptions(delimiter=delimiter, quote_char=has_quotes and '"', newlines_in_values=has_quotes),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
    except (pa.ArrowInvalid, OverflowError):  # ragged, or a line of 2 GiB
        return None
    return [column.combine_chunks() for column in table.columns]


def _record_lines(values: np.ndarray, lines: _Lines) -> np.ndarray:
    """Return the line on which each record begins, from 0; blank lines are no records."""
    last = np.flatnonzero(lines.ends_record)  # line of each record
    first = np.concatenate(([0], last[:-1] + 1))
    starts = np.concatenate(([0], lines.ends[last[:-1]] + 1))
    lengths = lines.ends[last] - starts
    is_return = (lengths == 1) & (values[np.minimum(starts, len(values) - 1)] == CARRIAGE_RETURN)
    return first[(lengths > 0) & ~is_return].astype(np.int64)
