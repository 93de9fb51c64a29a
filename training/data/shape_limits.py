"""Limits of a table's shape, judged before its cells are read: a small file can hold very much."""

from __future__ import annotations

from typing import Any

from training.errors import UserError

MAX_COLUMNS = 10_000
MAX_FIRST_LINE = 2**20  # characters
MAX_NESTING = 20  # of lists and records in a cell
MAX_KEYS = 256  # of all records of a column, at any level: each would be a field of every row
FREE_BYTES = 200 * 2**20  # unpacked, that any file may have
MAX_RATIO = 500  # of unpacked to packed bytes beyond that; real tables come to 50


def check_columns(count: int, source: str) -> None:
    """Refuse a table with more columns than any use of this studio has.

    Raises:
        UserError: With the number.
    """
    if count > MAX_COLUMNS:
        raise UserError(f"{source} has {count:,} columns; at most {MAX_COLUMNS:,} are read. Is the separator right?")


def check_first_line(line: str, source: str) -> None:
    """Refuse separated text whose first line is no header and no row.

    Raises:
        UserError: With the most that one has.
    """
    if len(line) > MAX_FIRST_LINE:
        raise UserError(
            f"The first line of {source} has more than {MAX_FIRST_LINE:,} characters: no header or row is so long."
        )


def check_unpacked(packed_bytes: int, unpacked_bytes: int, source: str) -> None:
    """Refuse a file that is made to take memory: small, and thousands of times larger inside.

    Raises:
        UserError: With both sizes.
    """
    if unpacked_bytes > FREE_BYTES and unpacked_bytes > MAX_RATIO * packed_bytes:
        raise UserError(
            f"{source} has {packed_bytes / 2**20:,.2f} MiB and takes {unpacked_bytes / 2**20:,.0f} MiB when read: no "
            "table is packed so tightly but one of constants. Take a part of it."
        )


def is_nested_deeper(value: object, levels: int = MAX_NESTING) -> bool:
    """Whether lists and records stand in each other on more levels than that."""
    front = [value]
    for _ in range(levels + 1):
        front = [inner for outer in front for inner in _inside(outer)]
        if not front:
            return False
    return True


def has_many_keys(values: list[Any]) -> bool:
    """Whether the records of a column have more keys together than that, as where each is named by an id."""
    keys: set[str] = set()
    front: list[Any] = [value for value in values if isinstance(value, (dict, list))]
    while front:
        for value in front:
            if isinstance(value, dict):
                keys.update(value)
                if len(keys) > MAX_KEYS:
                    return True
        front = [inner for outer in front for inner in _inside(outer)]
    return False


def _inside(value: object) -> list[Any]:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [item for item in items if isinstance(item, (dict, list))]
