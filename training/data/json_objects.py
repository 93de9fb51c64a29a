"""Records in one JSON object: a list of them under a name, or columns, as pandas and many exports write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from training.data.column_names import check_names, plain_name
from training.errors import UserError

CONTAINERS = (  # names of the list that holds all records, in any case
    "data", "rows", "records", "examples", "items", "results", "documents", "instances", "samples", "entries",
    "train", "training", "validation", "dev", "test",
)  # fmt: skip
FACTS = (  # of all records
    "version", "dataset", "license", "licence", "status", "schema", "split", "language", "created", "name", "title",
    "description",
)  # fmt: skip
MIN_ITEMS = 20  # of columns on one line: shorter lists are the words, tags or numbers of one record
BEGIN = re.compile(r"\S")


def records_of(value: dict[str, Any], source: str, is_line: bool) -> tuple[list[dict[str, Any]], str] | None:
    """The records that an object holds, and what they were taken from; None if it is a record itself.

    Args:
        is_line: Whether the object stands on one line, as a record of JSON lines does.

    Raises:
        UserError: If it holds several lists of records, or rows that do not fit the names of their columns.
    """
    columns: Any = value.get("columns")
    data: Any = value.get("data")
    if _are_scalars(columns) and _are_rows(data):
        return _of_rows(list(map(str, columns)), data, source), "the rows of 'data', with the names in 'columns'"
    lists = {name: items for name, items in value.items() if name.lower() in CONTAINERS and _are_records(items)}
    if lists and not any(_is_of_a_record(name, one) for name, one in value.items() if name not in lists):
        if len(lists) > 1:
            raise UserError(
                f"{source} holds several lists of records: {', '.join(lists)}. Give each in a file of its own, one "
                "record per line."
            )
        [(name, items)] = lists.items()
        return items, f"the records in '{name}'"
    records = _of_columns(value, is_line) if len(value) > 1 and not lists else None
    return None if records is None else (records, f"one from each place of the columns {', '.join(value)}")


def _is_of_a_record(name: str, value: Any) -> bool:
    """Whether a value beside a list is a text or an id of one record, rather than a fact about all."""
    plain = plain_name(name)
    return plain not in FACTS and (plain.endswith("id") or (isinstance(value, str) and bool(value.strip())))


def _are_records(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and all(isinstance(item, dict) for item in items)


def _are_rows(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and all(isinstance(item, list) for item in items)


def _are_scalars(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and not any(isinstance(item, dict | list) for item in items)


def _of_rows(names: list[str], rows: list[list[Any]], source: str) -> list[dict[str, Any]]:
    """Rows of pandas' orient="split"."""
    check_names(names, source)
    if wrong := next((number for number, row in enumerate(rows, 1) if len(row) != len(names)), None):
        raise UserError(
            f"{source}: row {wrong} of 'data' has {len(rows[wrong - 1])} values, and 'columns' has {len(names)} names. "
            "Give each row a value for each column, null where unknown."
        )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _of_columns(value: dict[str, Any], is_line: bool) -> list[dict[str, Any]] | None:
    """Rows of columns that are lists, or records by the number of the row (pandas' usual form)."""
    first, *others = value.values()
    if all(map(_are_scalars, value.values())):
        is_long = len(first) > (MIN_ITEMS if is_line else 1)
        same = is_long and all(len(items) == len(first) for items in others)
        return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)] if same else None
    if isinstance(first, dict) and len(first) > 1 and all(map(str.isdecimal, first)):
        same = all(isinstance(items, dict) and items.keys() == first.keys() for items in others)
        return [{name: items[key] for name, items in value.items()} for key in first] if same else None
    return None


def whole_objects(text: str) -> Iterator[tuple[int, Any]]:
    """Yield (line, object) of objects that stand one after the other, each on several lines.

    Raises:
        JSONDecodeError: If one is none.
    """
    decoder, start, line = json.JSONDecoder(), 0, 1
    text = text.removeprefix("\ufeff")
    while match := BEGIN.search(text, start):
        line += text.count("\n", start, match.start())
        value, end = decoder.raw_decode(text, match.start())
        yield line, value
        line += text.count("\n", match.start(), end)
        start = end
