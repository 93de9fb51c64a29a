"""Data: a table out of any file a user has, its columns described and chosen, its rows split."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from training.delimited import (
    CHUNK_ROWS,
    LABEL_NAMES,
    TEXT_NAMES,
    TextFile,
    check_names,
    find_encoding,
    is_gzip,
    open_bytes,
    plain_name,
    read_delimited,
)
from training.errors import UserError
from training.preflight import Finding

if TYPE_CHECKING:
    import pyarrow as pa

MEBIBYTE = 2**20
UNPACKED = 4  # times max_bytes that a compressed file may grow to
MOST_CLASSES = 200  # distinct values up to which a column of unknown name may be the label
EXAMPLE_CHARACTERS = 80
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
YES_NO = ({"yes", "no"}, {"true", "false"}, {"t", "f"}, {"y", "n"}, {"0", "1"})
NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
DATE = r"\d{4}-\d\d-\d\d([T ].*)?|\d\d?[/.]\d\d?[/.]\d{4}"
LONGEST_CATEGORY = 60  # characters
JSON_START = re.compile(r"\s*(\[\s*)?\{\s*\"")
JSON_SPACE = re.compile(r"[\s,]*")
WHOLE_NUMBER = r"^[-+]?\d+(\.0+)?$"
HUB_NAME = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?)(:(?P<config>[\w.-]{1,100}))?")
HUB_SPLIT = re.compile(r"[A-Za-z]\w{0,99}(\[\d*%?:\d*%?\])?")

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
        text = _as_text(self.column(column))
        if text is None:
            raise UserError(f"Column '{column}' of {self.source} holds {self.columns[column].type}, not text.")
        if compute.all(compute.match_substring_regex(text, WHOLE_NUMBER)).as_py():
            text = compute.replace_substring_regex(text, r"\.0+$", "")
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


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Cast to strings; None for what has no plain spelling (bytes, records)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        if pa.types.is_nested(values.type.value_type) or pa.types.is_binary(values.type.value_type):
            return None
        return compute.binary_join(values.cast(pa.list_(pa.string())), ", ")
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return None
    if pa.types.is_floating(values.type):
        values = compute.if_else(compute.is_nan(values), None, values)
    return values if pa.types.is_large_string(values.type) else values.cast(pa.string())


# Reading


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
    columns, lines, more = _read_json(file) if is_json else read_delimited(file)
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
    return _plain_columns(table), np.arange(1, table.num_rows + 1), []


def _plain_columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Return the columns by name, dictionary-encoded ones as what they stand for."""
    import pyarrow as pa

    return {
        name: values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
        for name, values in zip(table.column_names, table.columns, strict=True)
    }


def _read_json(file: TextFile) -> Parts:
    """Read JSON lines or an array of records; the first record's keys are those that every record needs."""
    chunks: list[pa.Table] = []
    lines: list[int] = []
    mixed: dict[str, None] = {}
    records = _json_records(file)
    while block := list(islice(records, CHUNK_ROWS)):
        chunks.append(_json_chunk(file.path.name, block, mixed))
        lines += [line for line, _ in block]
    if not lines:
        raise UserError(f"{file.path.name} holds no records. Expected one JSON record a line, or an array of them.")
    columns = _plain_columns(_joined(file.path.name, chunks, mixed))
    notices = [Finding("amber", f"Column '{name}' mixes kinds of values: read as text") for name in mixed]
    return columns, np.array(lines, np.int64), notices


def _json_records(file: TextFile) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, record), refusing what is not JSON, not a record, or lacks a key of the first record."""
    needed: dict[str, Any] = {}
    source = file.path.name
    with file.open() as text:
        start = text.read(4096).lstrip()
        text.seek(0)
        for line, record in (_json_array if start.startswith("[") else _json_lines)(source, text):
            if not isinstance(record, dict) or not record:
                raise UserError(f'{source}: line {line} is not a record. Expected {{"text": ..., "label": ...}}.')
            needed = needed or record
            if lacking := [name for name in needed if name not in record]:
                advice = f"it has: {', '.join(record)}. Every record needs the keys of the first, null where unknown"
                raise UserError(f"{source}: line {line} lacks {', '.join(map(repr, lacking))}; {advice}.")
            yield line, record


def _json_lines(source: str, text: TextIO) -> Iterator[tuple[int, Any]]:
    for line, words in enumerate(text, 1):
        if words.strip():
            with _json_errors(source, line):
                record = json.loads(words.strip())
            yield line, record


def _json_array(source: str, file: TextIO) -> Iterator[tuple[int, Any]]:
    """Decode an array one item at a time: the text is held whole, its objects are not."""
    text, decoder, line = file.read(), json.JSONDecoder(), 1
    end = text.index("[") + 1
    while True:
        start = JSON_SPACE.match(text, end).end()  # pyright: ignore[reportOptionalMemberAccess]  (matches nothing at least)
        line += text.count("\n", end, start)
        if text[start : start + 1] == "]":
            return
        with _json_errors(source, line):
            record, end = decoder.raw_decode(text, start)
        yield line, record
        line += text.count("\n", start, end)


@contextmanager
def _json_errors(source: str, line: int) -> Iterator[None]:
    try:
        yield
    except json.JSONDecodeError as error:
        line = max(line, error.lineno)  # an array's lineno counts from the file's start
        raise UserError(f"{source}: line {line} is not valid JSON ({error.msg} at character {error.colno}).") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: line {line} holds a number too long or lists too deep to read.") from error


def _json_chunk(source: str, block: list[tuple[int, dict[str, Any]]], mixed: dict[str, None]) -> pa.Table:
    import pyarrow as pa

    names = dict.fromkeys(name for _, record in block for name in record)
    try:
        return pa.table({name: _json_column([r.get(name) for _, r in block], name, mixed) for name in names})
    except UnicodeEncodeError as error:
        line = next(line for line, record in block if not _encodes(record))
        raise UserError(f"{source}: line {line} holds half a character (a lone surrogate). Remove it.") from error


def _json_column(values: list[Any], name: str, mixed: dict[str, None]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        mixed[name] = None
        return pa.array([value if value is None or isinstance(value, str) else _spelled(value) for value in values])


def _spelled(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encodes(record: dict[str, Any]) -> bool:
    try:
        return bool(_spelled(record).encode())
    except UnicodeEncodeError:
        return False


def _joined(source: str, chunks: list[pa.Table], mixed: dict[str, None]) -> pa.Table:
    """Join chunks whose types may differ: the wider type where there is one, else text."""
    import pyarrow as pa

    try:
        return pa.concat_tables(chunks, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    names = dict.fromkeys(name for chunk in chunks for name in chunk.column_names)
    for name in names:
        kinds = {chunk.schema.field(name).type for chunk in chunks if name in chunk.column_names} - {pa.null()}
        if len(kinds) > 1:
            mixed[name] = None
            chunks = [_with_text(source, chunk, name) for chunk in chunks]
    return pa.concat_tables(chunks, promote_options="permissive")


def _with_text(source: str, chunk: pa.Table, name: str) -> pa.Table:
    if name not in chunk.column_names:
        return chunk
    text = _as_text(chunk.column(name))
    if text is None:
        raise UserError(f"Column '{name}' of {source} mixes records with other values. Give every row the same kind.")
    return chunk.set_column(chunk.column_names.index(name), name, text)


def load_hub_dataset(name: str, split: str) -> Table:
    """Download one split of a dataset of the Hub; class numbers become the class names its card gives.

    Args:
        name: `owner/name` or `name`, with `:config` where the dataset has several.
        split: Such as `train`, `validation` or `train[:1000]`.

    Raises:
        UserError: If the name is malformed, there is no such dataset or split, or the Hub cannot be reached.
    """
    match = HUB_NAME.fullmatch(name)
    if not match or ".." in name or Path(match["repo"]).exists():  # load_dataset would read a folder of that name
        raise UserError(f"'{name[:100]}' is no dataset of the Hub. Expected owner/name, or owner/name:config.")
    if not HUB_SPLIT.fullmatch(split):
        raise UserError(f"'{split[:100]}' is no split. Expected a name such as train, or a part such as train[:1000].")
    table, class_names = _download(match["repo"], match["config"], split)
    columns = _plain_columns(table)
    for column, names in class_names.items():
        columns[column] = _class_names(columns[column], names)
    digest = hashlib.sha256()
    for batch in table.to_batches():
        digest.update(batch.serialize())
    return Table(columns, np.arange(1, len(table) + 1), (), name, digest.hexdigest()[:16])


def _download(repo: str, config: str | None, split: str) -> tuple[pa.Table, dict[str, list[str]]]:
    """Return the rows, and the names of the classes of each column that has some."""
    from datasets import ClassLabel, load_dataset
    from datasets.exceptions import DatasetNotFoundError
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES
    from huggingface_hub.utils import httpx  # the library the client really uses; its name changed between releases

    if repo in _PACKAGED_DATASETS_MODULES:  # "csv" would read whatever lies in the working directory
        raise UserError(f"'{repo}' is a file format, no dataset of the Hub. Expected owner/name.")
    try:
        dataset: Any = load_dataset(repo, config, split=split)
    except DatasetNotFoundError as error:
        raise UserError(f"There is no dataset {repo} on the Hub, or it is private. Check its name.") from error
    except (ConnectionError, httpx.TransportError) as error:
        raise UserError(f"The Hub could not be reached for {repo}. Check the network, or upload a file.") from error
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{repo} ({split}) could not be loaded from the Hub: {reason[:300]}") from error
    classes = {name: kind.names for name, kind in dataset.features.items() if isinstance(kind, ClassLabel)}
    return dataset.with_format("arrow")[:], classes


def _class_names(numbers: pa.ChunkedArray, names: list[str]) -> pa.ChunkedArray:
    """Turn class numbers into names; -1, the Hub's "no label", becomes null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc
    return pa.chunked_array([pa.array(names)]).take(compute.if_else(compute.less(numbers, 0), None, numbers))


# Columns


def describe_columns(table: Table) -> tuple[dict[str, Any], ...]:
    """Describe each column for people, JSON-ready.

    Returns:
        Records of `name`, `type` (text, category, number, yes/no, date, list, empty, other), `filled` and `distinct`
        counts, `shortest` and `longest` in characters, and two `examples` cut at 80 characters.
    """
    return tuple(_describe(name, values) for name, values in table.columns.items())


def _describe(name: str, values: pa.ChunkedArray) -> dict[str, Any]:
    import pyarrow.compute as pc

    compute: Any = pc
    filled = values.drop_null()
    record = {"name": name, "type": "other", "filled": len(filled), "distinct": 0}
    record |= {"shortest": 0, "longest": 0, "examples": []}
    text = _as_text(filled)
    if text is None:
        return record
    distinct = compute.unique(text)
    lengths = compute.min_max(compute.utf8_length(text))
    record |= {"type": _kind(values.type, text, distinct), "distinct": len(distinct)}
    record |= {"shortest": lengths["min"].as_py() or 0, "longest": lengths["max"].as_py() or 0}
    examples = compute.utf8_slice_codeunits(distinct.slice(0, 2), 0, EXAMPLE_CHARACTERS)
    return record | {"examples": examples.to_pylist()}


def _kind(arrow_type: pa.DataType, text: pa.ChunkedArray, distinct: pa.Array) -> str:
    """Say in a word what a column holds, from its type, its filled cells as text and its distinct values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc

    def every(pattern: str) -> bool:
        return compute.all(compute.match_substring_regex(distinct, f"^({pattern})$")).as_py()

    if pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type):
        return "list"
    if not len(text):
        return "empty"
    if len(distinct) == 2 and {str(value).casefold() for value in distinct.to_pylist()} in YES_NO:
        return "yes/no"
    if every(DATE):
        return "date"
    if every(NUMBER):
        return "number"
    longest = compute.max(compute.utf8_length(distinct)).as_py()
    return "category" if _repeats(len(distinct), len(text)) and longest <= LONGEST_CATEGORY else "text"


def _repeats(distinct: int, filled: int) -> bool:
    """Say whether values recur as class names do: each twice on average, and not too many of them."""
    return distinct <= min(MOST_CLASSES, filled // 2)


@dataclass(frozen=True)
class TextColumns:
    """Which columns a text model reads: one text or a couple of texts, and the label if there is one."""

    text: str
    text_pair: str | None = None
    label: str | None = None


def guess_text_columns(
    table: Table, *, text_column: str = "", text_pair_column: str = "", label_column: str = "", need_label: bool = True
) -> TextColumns:
    """Choose the columns: as given, else by well-known names, else the longest text and the one with few values.

    A second text is only ever taken by name (premise and hypothesis), and only if no text column is given.

    Raises:
        UserError: If a given column is missing, or none can be told to be the text or, where needed, the label.
    """
    given = [name for name in (text_column, text_pair_column, label_column) if name]
    for name in given:
        table.column(name)
    free = [name for name in table.names if name not in given]
    texts = [text_column] if text_column else _known_texts(free, text_pair_column)
    label = label_column or _known_label([name for name in free if name not in texts])
    text, *pair = texts or [_longest_text(table, [name for name in free if name != label])]
    if text_pair_column:
        pair = [text_pair_column]
    if need_label and not label:
        label = _column_of_few_values(table, [name for name in free if name not in (text, *pair)])
    return TextColumns(text, pair[0] if pair else None, label)


def _known_texts(free: Sequence[str], second: str) -> list[str]:
    """Return the likeliest well-known text column, or couple of them; `second` fixes the couple's other half."""
    known = {plain_name(name): name for name in reversed(free)}
    for names in TEXT_NAMES:
        if second and len(names) == 2 and names[1] == plain_name(second) and names[0] in known:
            return [known[names[0]]]
    wanted = [names for names in TEXT_NAMES if len(names) == 1 or not second]
    return next(([known[name] for name in names] for names in wanted if known.keys() >= set(names)), [])


def _known_label(free: Sequence[str]) -> str | None:
    known = {plain_name(name): name for name in reversed(free)}
    return next((known[name] for name in LABEL_NAMES if name in known), None)


def _longest_text(table: Table, names: Sequence[str]) -> str:
    import pyarrow.compute as pc

    compute: Any = pc
    lengths: dict[str, float] = {}
    for name in names:
        text = _as_text(table.columns[name])
        if text is not None and _describe(name, table.columns[name])["type"] in ("text", "category"):
            lengths[name] = compute.mean(compute.utf8_length(text)).as_py()
    if not lengths:
        raise UserError(f"No text column found in {table.source}; it has: {', '.join(table.names)}. Choose one.")
    return max(lengths, key=lambda name: lengths[name])


def _column_of_few_values(table: Table, names: Sequence[str]) -> str:
    """Return the one column whose values recur; more than one, or none, is the user's to decide."""
    described = [_describe(name, table.columns[name]) for name in names]
    fewest = sorted((column for column in described if column["distinct"]), key=lambda column: column["distinct"])
    likely = [column for column in fewest if column["distinct"] > 1 and _repeats(column["distinct"], column["filled"])]
    if len(likely) == 1:
        return likely[0]["name"]
    shown = (likely or fewest)[:3]
    counts = [f"{column['name']}: {column['distinct']} values in {column['filled']} rows" for column in shown]
    advice = f"Choose one ({'; '.join(counts)})." if counts else "Add a column with the label of each row."
    raise UserError(f"No label column found in {table.source}; its columns are {', '.join(table.names)}. {advice}")


# Splitting


def split_rows(
    labels: Sequence[Hashable] | None,
    rows: int,
    *,
    eval_share: float,
    seed: int,
    groups: Sequence[Hashable] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Split row indexes for training and evaluation, class by class, and the same way for the same seed.

    Args:
        labels: The class of each row; None for an unstratified split (regression, no labels).
        rows: How many rows there are.
        eval_share: Share of the rows to evaluate on, in [0, 1).
        seed: Of the shuffle.
        groups: Rows of equal group (such as identical texts) stay on one side. None: each row is its own.

    Returns:
        Train and eval indexes, sorted. Every class keeps a group for training, so a class of one row is never
        evaluated; where groups are single rows, each class is within one row of its share.

    Raises:
        ValueError: If the lengths differ or the share is outside [0, 1).
    """
    if not 0 <= eval_share < 1:
        raise ValueError(f"eval_share is {eval_share}, expected a share from 0 to below 1.")
    if any(given is not None and len(given) != rows for given in (labels, groups)):
        raise ValueError(f"labels and groups must have one entry for each of the {rows} rows.")
    classes = _groups_by_class([None] * rows if labels is None else labels, range(rows) if groups is None else groups)
    rng = np.random.default_rng(seed)
    wanted = _rows_wanted([sum(map(len, members)) for members in classes], [len(c) for c in classes], eval_share, rng)
    chosen = [row for members, count in zip(classes, wanted, strict=True) for row in _draw(members, count, rng)]
    held_out = np.zeros(rows, dtype=bool)
    held_out[np.array(chosen, dtype=np.int64)] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _groups_by_class(labels: Sequence[Hashable], groups: Sequence[Hashable]) -> list[list[list[int]]]:
    """Return, class by class, its groups of rows; a group with several labels counts for the rarest of them."""
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    sizes = Counter(labels)
    classes: dict[Hashable, list[list[int]]] = {}
    for rows in members.values():
        classes.setdefault(min((labels[row] for row in rows), key=lambda label: sizes[label]), []).append(rows)
    return list(classes.values())


def _rows_wanted(sizes: list[int], groups: list[int], eval_share: float, rng: np.random.Generator) -> np.ndarray:
    """Share out the evaluation rows over classes by largest remainder, so that small classes get some too."""
    most = np.where(np.array(groups) > 1, np.array(sizes) - 1, 0)
    exact = np.array(sizes) * eval_share
    wanted = np.minimum(np.floor(exact).astype(np.int64), most)
    total = max(round(sum(sizes) * eval_share), int(eval_share > 0))
    remainders = np.where(exact > wanted, exact - wanted, -1.0)
    order = rng.permutation(len(sizes))
    for place in order[np.argsort(-remainders[order], kind="stable")]:
        if wanted.sum() < total and wanted[place] < most[place] and remainders[place] > 0:
            wanted[place] += 1
    return wanted


def _draw(members: list[list[int]], count: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield the rows of shuffled groups as long as they fit into `count` rows."""
    for place in rng.permutation(len(members)):
        if len(members[place]) <= count:
            count -= len(members[place])
            yield from members[place]
