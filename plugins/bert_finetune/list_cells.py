"""Lists that a program wrote into a cell of text: in the spelling of JSON, of Python or of NumPy."""

from __future__ import annotations

import contextlib
import json
import re

BRACKETED = re.compile(r"\[(.*)\]|\((.*)\)|\{(.*)\}|array\(\[(.*)\].*\)|frozenset\(\{(.*)\}\)", re.DOTALL)
QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
EMPTY = {"set()", "frozenset()", "()", "{}"}
ESCAPE = re.compile(r"\\(.)")


def parse_list(cell: str) -> list[str] | None:
    """Return the items of a cell such as `["a", "b"]`, `['a' 'b']`, `{'a', 'b'}`, `[a, b]` or `[1. 0.]`.

    NumPy sets no commas between its items. Round and curly brackets need quotes inside: `(a)` is a text.

    Returns:
        The items as text, without those that are null; None if the cell is no list.
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
    if quoted := QUOTED.findall(inner):
        return [ESCAPE.sub(r"\1", single or double) for single, double in quoted]
    if not text.startswith(("[", "array")):
        return None
    items = inner.split(",") if "," in inner else inner.split()
    return [item.strip() for item in items if item.strip() not in ("", "nan", "None")]
