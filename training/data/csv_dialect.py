"""Guess the separator and the header of separated text from its first lines."""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Iterator
from itertools import islice

from training.data.column_names import HEADER_NAMES, plain_name
from training.data.csv_records import records

SEPARATORS = {"\t": "tab", ";": ";", "|": "|", ",": ","}  # on a tie the rarer character wins
USUAL_SEPARATORS = {".csv": ",", ".tsv": "\t", ".ssv": ";"}
NO_SEPARATOR = "\x1f"  # for one column: the unit separator, which text does not contain
VALUE = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?|\d{4}-\d\d-\d\d.*")


def find_delimiter(sample: list[str], suffix: str) -> str:
    """Choose the separator under which most sample rows are as wide as the first one."""

    def agreement(delimiter: str) -> tuple[float, int]:
        widths = [len(fields) for fields in islice(sample_rows(sample, delimiter), 100)]
        alike = sum(width == widths[0] for width in widths)
        return (alike / len(widths), alike) if widths[0] > 1 else (0.0, 0)

    best = max(SEPARATORS, key=agreement)
    min_share = 0.0 if suffix in USUAL_SEPARATORS else 0.5  # other files may be lists of sentences with commas
    if agreement(best)[0] > min_share:
        return best
    return NO_SEPARATOR if suffix == ".csv" else "\t"  # a list of lines, where only a balanced quote is special


def sample_rows(sample: list[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the fields of the sample's records; the sample may end inside one."""
    try:
        yield from (record.fields for record in records(sample, delimiter, strict=False))
    except csv.Error:
        return


def has_header(rows: list[list[str]], suffix: str) -> bool:
    """Whether the first row names the columns, rather than looking like the rows below it."""
    first = [cell.strip() for cell in rows[0]]
    others = [row for row in rows[1:] if row != rows[0] and len(row) == len(first)]
    below = [[row[index].strip() for row in others] for index in range(len(first))]
    values = [column for cell, column in zip(first, below, strict=True) if VALUE.fullmatch(cell)]
    if values and all(_mostly_values(column) for column in values):
        return False
    if any(plain_name(cell) in HEADER_NAMES for cell in first):
        return True
    if len(first) == 1:
        return suffix == ".csv" and first[0].isidentifier()
    words = [(cell, column) for cell, column in zip(first, below, strict=True) if cell and not VALUE.fullmatch(cell)]
    return not any(cell in column or _reads_like(cell, column) for cell, column in words)


def _mostly_values(column: list[str]) -> bool:
    filled = [cell for cell in column if cell]
    return sum(bool(VALUE.fullmatch(cell)) for cell in filled) >= len(filled) / 2


def _reads_like(cell: str, column: list[str]) -> bool:
    """Whether a cell is a long sentence above a column of long sentences."""
    usual = statistics.median(map(len, column)) if column else 0
    return len(cell) > 60 and len(cell.split()) > 8 and usual > len(cell) / 3


def guess_names(rows: list[list[str]]) -> list[str]:
    """Name the columns of a file without header: label, text and text_pair where obvious, else column_1, ..."""
    names = [f"column_{number}" for number in range(1, len(rows[0]) + 1)]
    whole = [row for row in rows if len(row) == len(names)]
    columns = dict(enumerate(map(list, zip(*whole, strict=True))))
    short = {i: len(set(c)) for i, c in columns.items() if max(map(len, c)) <= 40 and len(set(c)) <= len(c) / 2}
    if short and len(names) > 1:
        names[min(short, key=lambda i: short[i])] = "label"
    texts = [i for i, c in columns.items() if names[i] != "label" and not _mostly_values(c)]
    if len(texts) > 1:
        texts = [i for i in texts if statistics.mean(len(cell.split()) for cell in columns[i]) >= 3]
    for i, name in zip(texts, ("text", "text_pair") if len(texts) < 3 else (), strict=False):
        names[i] = name
    return names
