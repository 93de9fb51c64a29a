"""Cells of a table that hold a list: JSON, the text of a Python or NumPy list or set, or words separated by spaces."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

ENCLOSED = re.compile(
    r"(?:np\.|numpy\.)?(?:array|Index|Series|list|tuple)?\(?\s*[\[(](.*?)[\])]\s*(?:,\s*dtype=.*?)?\)?", re.S
)
ITEM = re.compile(
    r"""(?:np\.str_\(|b|u)?(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\)?|(?P<bare>[^\s,]+)""", re.S
)  # of a list that Python or NumPy wrote, with and without commas
BRACKETED = re.compile(r"\[(.*)\]|\((.*)\)|\{(.*)\}|array\(\[(.*)\].*\)|frozenset\(\{(.*)\}\)", re.S)
EMPTY = {"set()", "frozenset()", "()", "{}"}


def read_lists(cells: Sequence[Any]) -> list[list[Any]]:
    """The cells of one column as lists: all of them are written lists, or none is.

    Raises:
        ValueError: If a written list cannot be read, or was cut short when it was printed.
    """
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    written = bool(texts) and all(ENCLOSED.fullmatch(text.strip()) for text in texts)
    return [_read(cell, written) for cell in cells]


def _read(cell: object, written: bool) -> list[Any]:
    if cell is None:
        return []
    if not isinstance(cell, str):
        return list(cell) if isinstance(cell, list | tuple) else [cell]
    return parse_list(cell) if written else split_words(cell)


def split_words(cell: str) -> list[str]:
    """Words separated by white space that may break a line; a no-break space is part of a word."""
    return [word for word in re.split(r"[ \t\r\n\f\v\u3000]+", cell) if word]


def parse_list(text: str) -> list[Any]:
    """A list of values from its text.

    Raises:
        ValueError: If it is none, or was cut short when it was printed.
    """
    try:
        values = json.loads(text)
        if isinstance(values, list):
            return values
    except ValueError:
        pass
    match = ENCLOSED.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text[:60]!r} is no list")
    if re.search(r"(^|[\s,])\.\.\.([\s,]|$)", re.sub(r"'[^']*'|\"[^\"]*\"", "''", match[1])):
        raise ValueError(f"{text[:40]!r} was cut short when it was printed: items are missing")
    if "{" in match[1] or "[" in match[1] or "(" in match[1]:  # nested: spans as lists, tuples or records
        try:
            return list(ast.literal_eval(text.strip()))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass
    return [_item(found) for found in ITEM.finditer(match[1])]


def _item(found: re.Match[str]) -> Any:
    if found["quoted"] is None:
        return found["bare"]
    try:
        return ast.literal_eval(found["quoted"])
    except (ValueError, SyntaxError):
        return found["quoted"][1:-1]


def parse_labels(cell: str) -> list[str] | None:
    """Return the labels of a cell such as `["a", "b"]`, `['a' 'b']`, `{'a', 'b'}`, `[a, b c]` or `[1. 0.]`.

    Unlike words, bare labels between commas may have spaces. Round and curly brackets need quotes inside: `(a)` is a
    text.

    Returns:
        The labels, without those that are null; None if the cell is no list.
    """
    text = cell.strip()
    if text in EMPTY:
        return []
    match = BRACKETED.fullmatch(text)
    if not match:
        return None
    with contextlib.suppress(ValueError):
        values = json.loads(text)
        if isinstance(values, list):
            return [str(value) for value in values if value is not None]
    inner = next(group for group in match.groups() if group is not None)
    if quoted := [str(_item(found)) for found in ITEM.finditer(inner) if found["quoted"] is not None]:
        return quoted
    if not text.startswith(("[", "array")):
        return None
    items = inner.split(",") if "," in inner else inner.split()
    return [item.strip() for item in items if item.strip() not in ("", "nan", "None")]
