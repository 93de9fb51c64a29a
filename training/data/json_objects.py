"""Records in one JSON object: a list of them under a name, or columns, as pandas and many exports write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from training.errors import UserError

CONTAINERS = (  # names of the list that holds all records, in any case
    "data", "rows", "records", "examples", "items", "results", "documents", "instances", "samples", "entries",
    "train", "training", "validation", "dev", "test",
)  # fmt: skip
BEGIN = re.compile(r"\S")


def records_of(value: dict[str, Any], source: str) -> list[dict[str, Any]] | None:
    """The records that an object holds; None if it is a record itself.

    Raises:
        UserError: If it holds several lists of records.
    """
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(map(str, columns), row, strict=False)) for row in data]  # pandas, orient="split"
    lists = {name: items for name, items in value.items() if name.lower() in CONTAINERS and _are_records(items)}
    if len(lists) > 1:
        raise UserError(
            f"{source} holds several lists of records: {', '.join(lists)}. Give each in a file of its own, one record "
            "per line."
        )
    if lists:
        return next(iter(lists.values()))
    if len(value) > 1 and len({len(items) if isinstance(items, dict | list) else -1 for items in value.values()}) == 1:
        return _of_columns(value)
    return None


def _are_records(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and all(isinstance(item, dict) for item in items)


def _of_columns(value: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Rows of columns that are lists, or records by the number of the row (pandas' usual form)."""
    first, *others = value.values()
    if isinstance(first, list) and all(isinstance(items, list) for items in others):
        return (
            [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
            if len(first) > 1
            else None
        )
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
