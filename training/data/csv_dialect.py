"""Guess the separator, the header and what stands above it from the first lines of separated text."""

from __future__ import annotations

import csv
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from training.data.column_names import HEADER_NAMES, plain_name
from training.data.csv_records import records

SEPARATORS = {"\t": "tab", ";": ";", "|": "|", ",": ","}  # on a tie the rarer character wins
USUAL_SEPARATORS = {".csv": ",", ".tsv": "\t", ".ssv": ";"}
NO_SEPARATOR = "\x1f"  # for one column: the unit separator, which text does not contain
SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=(?P<separator>\\t|[^"\n])"?[;,|\t]*\s*', re.IGNORECASE)  # of Excel
MAX_TITLE_ROWS = 20
MAX_NAME_CHARACTERS = 40  # of a column's name that is not a well-known one
MIN_ALIKE = 0.9  # share of the rows from the header on that have its width, for the rows above it to be titles
VALUE = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?|\d{4}-\d\d-\d\d.*")
YEARS = 1900, 2100
MIN_SHARED = 0.8  # of a sentence's words, that its column has elsewhere too
SENTENCE_ENDS = (".", "!", "。", "！")  # not of questions, which may be the names of columns of answers


class Preamble(NamedTuple):
    """What stands above the first row: number of lines, the separator that they name, and the title's words."""

    lines: int = 0
    delimiter: str = ""
    title: str = ""


def find_preamble(lines: list[str], suffix: str) -> Preamble:
    """Find Excel's `sep=;` line and the title rows of a report, which have fewer cells than the header below them."""
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    named = SEPARATOR_LINE.fullmatch(lines[first]) if lines else None
    delimiter = named["separator"].replace("\\t", "\t") if named else ""
    skipped, delimiter = (first + 1, delimiter) if delimiter in SEPARATORS else (0, "")
    rest = lines[skipped:]
    counts = {each: _count_title_lines(rest, each, suffix) for each in ([delimiter] if delimiter else SEPARATORS)}
    titles = {each: count for each, count in counts.items() if count is not None}
    if not titles or min(titles.values()) == 0:  # with some separator the first row may be the header
        return Preamble(skipped, delimiter)
    best = min(titles, key=lambda each: titles[each])
    title = " ".join("".join(rest[: titles[best]]).replace(best, " ").split())
    return Preamble(skipped + titles[best], best, title)


def _count_title_lines(lines: list[str], delimiter: str, suffix: str) -> int | None:
    """Lines above the header if this is the separator, 0 for none; None if no table of even rows is found."""
    try:
        rows = [record for record in islice(records(lines, delimiter, strict=False), 200) if any(record.fields)]
    except csv.Error:
        return None
    widths = [len(row.fields) for row in rows if len(row.fields) > 1]
    if not widths or len(rows) < 3:
        return None
    width = statistics.mode(widths)
    header = next((number for number, row in enumerate(rows) if not _is_title(row.fields, width)), 0)
    header = max(header, _known_header([row.fields for row in rows[: MAX_TITLE_ROWS + 1]], width))
    below = [row.fields for row in rows[header:]]
    if sum(len(fields) == width for fields in below) < MIN_ALIKE * len(below):
        return None
    if not header:
        return 0
    if header > min(MAX_TITLE_ROWS, len(below)) or len(below[0]) != width:
        return None
    is_word = delimiter == "," and rows[0].fields[0].strip().isidentifier()
    is_list = suffix not in USUAL_SEPARATORS or is_word  # of sentences with commas
    return rows[header].line - 1 if _is_clear_header(below, is_known=is_list) else None


def _known_header(rows: list[list[str]], width: int) -> int:
    """Number of the first row with several well-known names, below rows without one; 0 if there is none.

    A title may have as many cells as the header: `Survey 2024, part 1`.
    """
    known = [sum(plain_name(cell) in HEADER_NAMES for cell in row) for row in rows]
    first = next((number for number, count in enumerate(known) if count), 0)
    return first if known and known[first] > 1 and len(rows[first]) == width else 0


def _is_title(fields: list[str], width: int) -> bool:
    """Whether a row has too few cells for a header: a title, a line of `name: value`, a comment."""
    cells = [cell.strip() for cell in fields]
    filled = [cell for cell in cells if cell]
    if re.match(r"#\s", cells[0]):
        return True
    if any(plain_name(cell) in HEADER_NAMES for cell in filled):
        return False
    if cells[0].startswith("#"):
        return True
    return len(filled) <= width / 2 and bool(cells[0] or width > 2)  # an index column has no name, too


def _is_clear_header(rows: list[list[str]], is_known: bool) -> bool:
    """Whether the first of some rows can only be a header: a well-known name, or short names above other words.

    Args:
        is_known: Whether only a well-known name will do.
    """
    cells = [cell.strip() for cell in rows[0]]
    filled = [cell for cell in cells if cell]
    if any(VALUE.fullmatch(cell) for cell in filled) or len({*filled}) < len(filled):
        return False
    below = [row for row in rows[1:] if row != rows[0]]
    for number, cell in enumerate(cells):
        if plain_name(cell) in HEADER_NAMES and all(cell not in row[number : number + 1] for row in below):
            return True
    is_short = all(len(cell) <= MAX_NAME_CHARACTERS and not cell.endswith((".", "!", "?")) for cell in cells)
    return not is_known and is_short and len(rows) > 3 and has_header(rows, ".csv")


def find_delimiter(sample: list[str], suffix: str) -> str:
    """Choose the separator under which most sample rows are as wide as the first one."""

    def agreement(delimiter: str) -> tuple[float, int]:
        widths = [len(fields) for fields in islice(sample_rows(sample, delimiter), 100)]
        alike = sum(width == widths[0] for width in widths)
        return (alike / len(widths), alike) if widths and widths[0] > 1 else (0.0, 0)

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
    columns = list(zip(first, below, strict=True))
    values = [column for cell, column in columns if VALUE.fullmatch(cell)]
    words = [(cell, column) for cell, column in columns if cell and not VALUE.fullmatch(cell)]
    found_below = sum(cell in column for cell, column in words)
    above_values = sum(any(column) and _mostly_values(column, 0.9) for _, column in words)  # only names stand there
    if _is_evenly_spaced(first, below) or above_values > len(values) + found_below:
        return True
    if values and all(_mostly_values(column) for column in values):
        return False
    if any(plain_name(cell) in HEADER_NAMES for cell in first):
        return True
    if len(first) == 1:
        return suffix == ".csv" and first[0].isidentifier()
    filled = [(cell, column) for cell, column in columns if cell or any(column)]  # a ||| b has empty ones
    if others and all(_is_sentence_of(cell, column) for cell, column in filled):
        return False
    return not found_below and not any(_reads_like(cell, column) for cell, column in words)


def _is_evenly_spaced(first: list[str], below: list[list[str]]) -> bool:
    """Whether the first row counts columns (0, 1, 2 of a data frame, years, wavelengths), as no row below it does."""
    places = [place for place, cell in enumerate(first) if re.fullmatch(r"\d+(\.\d+)?", cell)]
    names = [float(first[place]) for place in places]
    if len(names) < 2 or places[-1] - places[0] >= len(places) or not below[0] or not _is_rising(names):
        return False
    is_year = all(YEARS[0] <= name <= YEARS[1] and name.is_integer() for name in names)
    if len(names) < (2 if is_year else 3 if names[:2] == [0, 1] else 4):
        return False
    rows = [
        [float(cell) for cell in row]
        for row in zip(*(below[place] for place in places), strict=True)
        if _all_plain(row)
    ]
    return not any(YEARS[0] <= min(row) <= max(row) <= YEARS[1] if is_year else _is_rising(row) for row in rows)


def _all_plain(cells: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[-+]?\d+(\.\d+)?", cell) for cell in cells)


def _is_rising(numbers: list[float]) -> bool:
    """Whether numbers rise by equal steps."""
    steps = [after - before for before, after in pairwise(numbers)]
    return steps[0] > 0 and all(math.isclose(step, steps[0], rel_tol=1e-3) for step in steps)


def _is_sentence_of(cell: str, column: list[str]) -> bool:
    """Whether a cell is one of a column of sentences: it ends as one, or has the words of the others."""
    if not _are_sentences(column):
        return False
    words, others = set(cell.lower().split()), {word for other in column for word in other.lower().split()}
    return cell.endswith(SENTENCE_ENDS) or (len(words) > 2 and len(words & others) >= MIN_SHARED * len(words))


def _is_sentence(cell: str) -> bool:
    """Whether a cell ends as a sentence does, or has several words."""
    return cell.endswith(SENTENCE_ENDS) or len(cell.split()) > 2


def _are_sentences(column: list[str]) -> bool:
    return sum(map(_is_sentence, column)) > len(column) / 2


def _mostly_values(column: list[str], share: float = 0.5) -> bool:
    filled = [cell for cell in column if cell]
    return sum(bool(VALUE.fullmatch(cell)) for cell in filled) >= share * len(filled)


def _reads_like(cell: str, column: list[str]) -> bool:
    """Whether a cell is a long sentence above a column of long sentences."""
    usual = statistics.median(map(len, column)) if column else 0
    return len(cell) > 60 and len(cell.split()) > 8 and usual > len(cell) / 3


def guess_names(rows: list[list[str]]) -> list[str]:
    """Name the columns of a file without header: label, text and text_pair where obvious, else column_1, ...

    The label is the column with the fewest different values, of at least two. Texts are columns of words; where there
    are several, those of which half are numbers (dates, addresses) are none.
    """
    names = [f"column_{number}" for number in range(1, len(rows[0]) + 1)]
    whole = [row for row in rows if len(row) == len(names)]
    columns = dict(enumerate(map(list, zip(*whole, strict=True))))
    short = {i: len(set(c)) for i, c in columns.items() if max(map(len, c)) <= 40 and 1 < len(set(c)) <= len(c) / 2}
    if short and len(names) > 1:
        names[min(short, key=lambda i: short[i])] = "label"
    texts = [i for i, c in columns.items() if names[i] != "label" and not _mostly_values(c) and len(set(c)) > 1]
    if len(texts) > 1:
        texts = [i for i in texts if statistics.mean(len(cell.split()) for cell in columns[i]) >= 3]
    texts = [i for i in texts if not _is_half_numbers(columns[i])] or texts
    for i, name in zip(texts, ("text", "text_pair") if len(texts) < 3 else (), strict=False):
        names[i] = name
    return names


def _is_half_numbers(column: list[str]) -> bool:
    """Whether about half of the words have digits, as in `Mon Apr 06 22:00:45 PDT 2009`."""
    words = " ".join(column).split()
    return sum(any(map(str.isdigit, word)) for word in words) >= 0.45 * len(words)
