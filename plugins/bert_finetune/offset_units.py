"""Units that files count places in a text in: characters, UTF-16 units, bytes, with line ends of one or two units."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

Cost = Callable[[str, int], int]  # units of the character at a place of a text


def _utf16(text: str, place: int) -> int:
    return 1 + (text[place] > "\uffff")


def _utf8(text: str, place: int) -> int:
    return len(text[place].encode("utf-8", "surrogatepass"))


def _line_feeds(text: str, place: int) -> int:
    return int(text[place : place + 2] != "\r\n")


def _two_line_ends(text: str, place: int) -> int:
    return 1 + (text[place] == "\n" and text[place - 1 : place] != "\r")


def _utf16_line_feeds(text: str, place: int) -> int:
    return _utf16(text, place) if text[place : place + 2] != "\r\n" else 0


COSTS: tuple[tuple[str, Cost | None], ...] = (
    ("characters", None),
    ("UTF-16 units", _utf16),
    ("characters with line ends of one character", _line_feeds),
    ("characters with line ends of two characters", _two_line_ends),
    ("UTF-16 units with line ends of one character", _utf16_line_feeds),
    ("bytes of UTF-8", _utf8),
)


@lru_cache(maxsize=8)
def places_of(cost: Cost, text: str) -> dict[int, int]:
    """Offset in units -> place of the character that begins there."""
    ends = accumulate((cost(text, place) for place in range(len(text))), initial=0)
    return {units: place for place, units in enumerate(ends)}
