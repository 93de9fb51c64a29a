"""Read JSON lines or a JSON array of records; every record needs the keys of the first."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TextIO

import numpy as np
import pyarrow as pa

from training.data.arrow import as_text, plain_columns
from training.data.encoding import TextFile
from training.data.json_objects import records_of, whole_objects
from training.data.shape_limits import MAX_NESTING, check_columns, has_many_keys, is_nested_deeper
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import counted

CHUNK_RECORDS = 2**16
THREE_DECIMALS = re.compile(r"-?\d{1,3}\.\d{3}")
JSON_SPACE = re.compile(r"[\s,]*")


def read_json(file: TextFile) -> tuple[dict[str, pa.ChunkedArray], np.ndarray, list[Finding]]:
    """Read JSON lines or an array of records; the first record's keys are those that every record needs."""
    chunks: list[pa.Table] = []
    lines: list[int] = []
    mixed: dict[str, None] = {}
    notices: list[Finding] = []
    records = _records(file, notices)
    while block := list(islice(records, CHUNK_RECORDS)):
        chunks.append(_chunk(file.path.name, block, mixed))
        lines += [line for line, _ in block]
    if not lines:
        raise UserError(f"{file.path.name} holds no records. Expected one JSON record per line, or an array of them.")
    columns = plain_columns(_joined(file.path.name, chunks, mixed))
    notices += [Finding("amber", f"Column '{name}' mixes kinds of values: read as text") for name in mixed]
    return columns, np.array(lines, np.int64), notices


def _records(file: TextFile, notices: list[Finding]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, record), refusing what is not JSON, not a record, or lacks a key of the first record."""
    needed: dict[str, Any] = {}
    source = file.path.name
    with file.open() as text:
        start = text.read(4096).lstrip()
        text.seek(0)
        items = _array(source, text) if start.startswith("[") else _objects(source, text, notices)
        for line, record in items:
            if not isinstance(record, dict) or not record:
                raise UserError(f'{source}: line {line} is not a record. Expected {{"text": ..., "label": ...}}.')
            needed = needed or record
            if lacking := [name for name in needed if name not in record]:
                advice = f"it has: {', '.join(record)}. Every record needs the keys of the first, null where unknown"
                raise UserError(f"{source}: line {line} lacks {', '.join(map(repr, lacking))}; {advice}.")
            yield line, record


def _objects(source: str, text: TextIO, notices: list[Finding]) -> Iterator[tuple[int, Any]]:
    """Yield JSON lines; where the first line is no record, objects over several lines; the records of a lone object."""
    first = next((line for line in text if line.strip()), "")
    is_alone = not any(line.strip() for line in text)
    text.seek(0)
    is_line = _is_json(first.strip().lstrip("\ufeff"))
    if is_line and not is_alone:
        yield from _lines(source, text)
        return
    if not is_line and first.strip().lstrip("\ufeff")[1:].strip():  # an object that opens with more than its bracket
        yield from _lines(source, text)
        return
    with _errors(source, 1):
        objects = list(whole_objects(text.read()))
    lone = objects[0][1] if len(objects) == 1 else None
    records = records_of(lone, source, is_line) if isinstance(lone, dict) else None
    if lone is not None and (records is not None or not is_line):
        rows, taken = records or (objects, "the object itself; for a row of each of its records, give their list alone")
        notices.append(Finding("green", f"{source} is one object, read as {counted(len(rows), 'row')}", taken))
    yield from objects if records is None else ((1, record) for record in records[0])


def json_items(file: TextFile) -> Iterator[tuple[int, Any]]:
    """Yield (line, value) of JSON lines, the items of one array, or the one object of a file, whatever they are.

    Raises:
        UserError: If it is not JSON, naming the line.
    """
    source = file.path.name
    with file.open() as text:
        first = next((line for line in text if line.strip()), "")
        is_last = not any(line.strip() for line in text)
        text.seek(0)
        if _is_json(first) and not (is_last and first.lstrip().startswith("[")):
            yield from _lines(source, text)
        elif first.lstrip().startswith("["):
            yield from _array(source, text)
        else:
            with _errors(source, 1):
                value = json.loads(text.read().lstrip("\ufeff"))
            yield 1, value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(source: str, text: TextIO) -> Iterator[tuple[int, Any]]:
    for line, words in enumerate(text, 1):
        if words.strip():
            with _errors(source, line):
                record = json.loads(words.strip())
            yield line, record


def _array(source: str, file: TextIO) -> Iterator[tuple[int, Any]]:
    """Decode an array one item at a time: the text is held whole, its objects are not."""
    text, decoder, line = file.read(), json.JSONDecoder(), 1
    end = text.index("[") + 1
    while True:
        space = JSON_SPACE.match(text, end)
        assert space is not None  # it matches nothing at least
        start = space.end()
        line += text.count("\n", end, start)
        if text[start : start + 1] == "]":
            return
        with _errors(source, line):
            record, end = decoder.raw_decode(text, start)
        yield line, record
        line += text.count("\n", start, end)


@contextmanager
def _errors(source: str, line: int) -> Iterator[None]:
    try:
        yield
    except json.JSONDecodeError as error:
        line = max(line, error.lineno)  # an array's lineno counts from the file's start
        raise UserError(f"{source}: line {line} is not valid JSON ({error.msg} at character {error.colno}).") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: line {line} holds a number too long or lists too deep to read.") from error


def _chunk(source: str, block: list[tuple[int, dict[str, Any]]], mixed: dict[str, None]) -> pa.Table:
    names = dict.fromkeys(name for _, record in block for name in record)
    check_columns(len(names), source)
    deep = next((line for line, record in block if is_nested_deeper(record)), None)
    if deep:
        raise UserError(
            f"{source}: line {deep} holds lists or records in each other on more than {MAX_NESTING} levels."
        )
    try:
        return pa.table({name: column_of([r.get(name) for _, r in block], name, mixed) for name in names})
    except UnicodeEncodeError as error:
        line = next(line for line, record in block if not _encodes(record))
        raise UserError(f"{source}: line {line} holds half a character (a lone surrogate). Remove it.") from error


def column_of(values: list[Any], name: str, mixed: dict[str, None]) -> pa.Array:
    """Return the values of one key as a typed column; of several kinds, or of records
    with very many keys, as text, and its name noted in `mixed`; of a name noted there always as text."""
    with contextlib.suppress(pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        if name not in mixed and not has_many_keys(values):
            return pa.array(values)
    mixed[name] = None
    return pa.array([value if value is None or isinstance(value, str) else spelled(value) for value in values])


def spelled(value: object) -> str:
    """Return a value as JSON text; three decimals become four, so that the point groups no thousands."""
    text = json.dumps(value, ensure_ascii=False)
    return f"{text}0" if isinstance(value, float) and THREE_DECIMALS.fullmatch(text) else text


def _encodes(record: dict[str, Any]) -> bool:
    try:
        return bool(spelled(record).encode())
    except UnicodeEncodeError:
        return False


def _joined(source: str, chunks: list[pa.Table], mixed: dict[str, None]) -> pa.Table:
    """Join chunks whose types may differ: the wider type where there is one, else text."""
    try:
        return pa.concat_tables(chunks, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    names = dict.fromkeys(name for chunk in chunks for name in chunk.column_names)
    for name in names:
        kinds = {chunk.schema.field(name).type for chunk in chunks if name in chunk.column_names} - {pa.null()}
        if len(kinds) > 1:
            chunks = [_with_text(source, chunk, name, name in mixed) for chunk in chunks]
            mixed[name] = None
    return pa.concat_tables(chunks, promote_options="permissive")


def _with_text(source: str, chunk: pa.Table, name: str, is_spelled: bool) -> pa.Table:
    """The chunk with a column as text; of records only where those of other chunks are (`is_spelled`)."""
    if name not in chunk.column_names:
        return chunk
    values = chunk.column(name)
    if pa.types.is_floating(values.type) or (is_spelled and pa.types.is_nested(values.type)):
        cells = [None if cell is None else spelled(_without_null(cell)) for cell in values.to_pylist()]
        text = pa.chunked_array([pa.array(cells, pa.string())])
    else:
        text = as_text(values)
    if text is None:
        raise UserError(f"Column '{name}' of {source} mixes records with other values. Give every row the same kind.")
    return chunk.set_column(chunk.column_names.index(name), name, text)


def _without_null(value: Any) -> Any:
    """Records without the keys that only other rows have, which are null in a typed column."""
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value] if isinstance(value, list) else value
