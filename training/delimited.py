"""Read separated text (CSV, TSV, `;`, `|`): its encoding, its separator, its header, the line of every row."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import statistics
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

import numpy as np

from training.errors import UserError
from training.preflight import Finding

if TYPE_CHECKING:
    import pyarrow as pa

# Couples and single names of text columns, the likeliest first; compared by `plain_name`.
TEXT_NAMES = (
    ("text", "textpair"), ("text1", "text2"), ("sentence1", "sentence2"), ("sentencea", "sentenceb"),
    ("premise", "hypothesis"), ("question1", "question2"), ("question", "sentence"),
    ("text",), ("sentence",), ("review",), ("reviewtext",), ("content",), ("message",), ("tweet",), ("comment",),
    ("utterance",), ("body",), ("document",), ("article",), ("abstract",), ("query",), ("prompt",),
    ("title", "description"), ("description",), ("title",), ("question",),
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "category", "target", "sentiment", "intent", "topic", "entailmentjudgment",
    "goldlabel", "labeltext", "tag", "tags", "y", "rating", "stars", "score", "relatednessscore",
)  # fmt: skip
HEADER_NAMES = {*LABEL_NAMES, *(name for names in TEXT_NAMES for name in names), "id", "index", "idx", "date", "name"}
SEPARATORS = {"\t": "tab", ";": ";", "|": "|", ",": ","}  # on a tie the rarer character wins
USUAL_SEPARATORS = {".csv": ",", ".tsv": "\t", ".ssv": ";"}
NO_SEPARATOR = "\x1f"  # one column: the unit separator, which text does not hold
CHUNK_ROWS = 2**16
MOST_PROBLEMS = 5
LONGEST_CELL = 2**31 - 1  # characters; the csv module's own limit is 131,072
LONGEST_RECORD = 1000  # lines of a tab-separated record that a quote holds together
VALUE = re.compile(r"[-+]?\d+([.,]\d+)?([eE][-+]?\d+)?|\d{4}-\d\d-\d\d.*")
QUOTED_OR_BARE = re.compile(r'"((?:[^"]++|"")*+)"(?=\t|\Z)|([^\t\r\n]*)')
OPEN_QUOTE = re.compile(r'"(?:[^"]++|"")*+\Z')


@dataclass(frozen=True)
class TextFile:
    """A text file, gzip or not, and the encoding it was found to have."""

    path: Path
    encoding: str

    @property
    def suffix(self) -> str:
        """The ending that names the format, `.csv` for reviews.csv.gz."""
        return next((s for s in map(str.lower, reversed(self.path.suffixes)) if s != ".gz"), "")

    def open(self) -> TextIO:
        """Open at the start; lines keep their ends, whichever of the three they are."""
        return io.TextIOWrapper(open_bytes(self.path), encoding=self.encoding, newline="")


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, through gzip where its content is, whatever it is called."""
    return cast(BinaryIO, gzip.open(path)) if is_gzip(path) else path.open("rb")


def is_gzip(path: Path) -> bool:
    """Look at the first two bytes."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def find_encoding(path: Path) -> tuple[TextFile, list[Finding]]:
    """Decode the whole file once: by its byte order mark, else as UTF-8, else as Windows-1252.

    Raises:
        UserError: If none of them fits, naming the line.
    """
    with open_bytes(path) as file:
        encoding = _marked_encoding(file.read(4))
    line = _first_undecodable_line(path, encoding)
    if line is None:
        marked = encoding in ("utf-16", "utf-32")
        return TextFile(path, encoding), [Finding("green", f"{encoding.upper()} by its byte order mark")] * marked
    if encoding == "utf-8" and _first_undecodable_line(path, "cp1252") is None:
        detail = f"Line {line} holds the first byte that is not UTF-8. If accents look wrong, save the file as UTF-8."
        return TextFile(path, "cp1252"), [Finding("amber", "Not UTF-8: read as Windows-1252", detail)]
    raise UserError(f"{path.name} is not readable text: line {line} is no {encoding.upper()}. Save it as UTF-8.")


def _marked_encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # before UTF-16, whose mark begins the same
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def _first_undecodable_line(path: Path, encoding: str) -> int | None:
    """Return the line of the first byte the encoding does not know, None if there is none."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    with open_bytes(path) as file:
        while True:
            block = file.read(2**20)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            if not block:
                return None
            line += block.count(b"\n")


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
    delimiter = _find_delimiter(sample, file.suffix)
    rows = [fields for _, fields in islice(_lenient(sample, delimiter), 1000)]
    names, notices = _column_names(rows, file)
    columns, lines = _read_columns(file, delimiter, len(names), skip_first=_has_header(rows, file.suffix))
    if len(names) > 1 and delimiter != USUAL_SEPARATORS.get(file.suffix):
        notices.insert(0, Finding("green", f"Separator {SEPARATORS[delimiter]} found"))
    if not len(lines):
        raise UserError(f"{file.path.name} has the header {', '.join(names)} but no rows. Add at least one row.")
    return dict(zip(names, columns, strict=True)), lines, notices


def plain_name(name: str) -> str:
    """Reduce a column name to its letters and digits, so that `Sentence_A` and `sentence a` are the same."""
    return re.sub(r"[\W_]+", "", name).lower()


def _find_delimiter(sample: list[str], suffix: str) -> str:
    """Choose the separator under which most sample rows are as wide as the first one."""

    def agreement(delimiter: str) -> tuple[float, int]:
        widths = [len(fields) for _, fields in islice(_lenient(sample, delimiter), 100)]
        alike = sum(width == widths[0] for width in widths)
        return (alike / len(widths), alike) if widths[0] > 1 else (0.0, 0)

    best = max(SEPARATORS, key=agreement)
    least = 0.0 if suffix in USUAL_SEPARATORS else 0.5  # other names may be lists of sentences, commas and all
    if agreement(best)[0] > least:
        return best
    return NO_SEPARATOR if suffix == ".csv" else "\t"  # a list of lines: only a balanced quote is one


def _lenient(sample: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield records of the sample, which may end inside one."""
    try:
        yield from _records(sample, delimiter, strict=False)
    except csv.Error:
        return


def _column_names(rows: list[list[str]], file: TextFile) -> tuple[list[str], list[Finding]]:
    if not _has_header(rows, file.suffix):
        names = _guess_names(rows)
        detail = "If the first line is a header, write plain names there, such as text and label."
        return names, [Finding("amber", f"No header found: columns named {', '.join(names)}", detail)]
    names = [cell.strip() or f"column_{number}" for number, cell in enumerate(rows[0], 1)]
    check_names(names, file.path.name)
    return names, []


def check_names(names: list[str], source: str) -> None:
    """Refuse a column name that occurs twice, by its places.

    Raises:
        UserError: Naming the column and its places.
    """
    for name in names:
        places = [str(number) for number, other in enumerate(names, 1) if other == name]
        if len(places) > 1:
            where = f"columns {' and '.join(places)}"
            raise UserError(f"{source} has the column name '{name}' {len(places)} times ({where}). Rename all but one.")


def _has_header(rows: list[list[str]], suffix: str) -> bool:
    """Say whether the first row names the columns, or already looks like the rows below it."""
    first = [cell.strip() for cell in rows[0]]
    others = [row for row in rows[1:] if row != rows[0] and len(row) == len(first)]
    below = [[row[place].strip() for row in others] for place in range(len(first))]
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
    """Say whether a cell is a long sentence over a column of long sentences."""
    usual = statistics.median(map(len, column)) if column else 0
    return len(cell) > 60 and len(cell.split()) > 8 and usual > len(cell) / 3


def _guess_names(rows: list[list[str]]) -> list[str]:
    """Name the columns of a file without header: label, text and text_pair where plain to see, else column_1, ..."""
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
        for line, fields in _records(_without_nul(source, text), delimiter, strict=True):
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


def _records(lines: Iterable[str], delimiter: str, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield (line it begins on, fields) of every record; a csv.Error names the line."""
    if delimiter == "\t":
        yield from _tab_records(lines)
        return
    reader, line = csv.reader(lines, delimiter=delimiter, strict=strict), 1
    try:
        for fields in reader:
            yield line, fields
            line = reader.line_num + 1
    except csv.Error:
        raise csv.Error(f"line {line}: a quote is opened and never closed before a separator") from None


def _tab_records(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a tab-separated file, where most writers quote nothing and some quote like a CSV.

    A quote is special only where a field begins and ends with one. Where both readings are possible, the one that
    is as wide as the first record wins, so that two bare quotes far apart do not swallow the rows between them.
    """
    numbered, waiting, width = enumerate(lines, 1), deque[tuple[int, str]](), 0

    def following() -> Iterator[str]:
        for place in range(LONGEST_RECORD):
            if place == len(waiting):
                waiting.extend(islice(numbered, 1))
            if place == len(waiting):
                return
            yield waiting[place][1]

    while item := waiting.popleft() if waiting else next(numbered, None):
        number, line = item
        if '"' in line:
            fields, extra = _tab_fields(line, following(), width)
            for _ in range(extra):
                waiting.popleft()
        else:
            body = line.rstrip("\r\n")
            fields = body.split("\t") if body else []
        width = width or len(fields)
        yield number, fields


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
