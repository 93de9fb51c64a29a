"""Column types of a table: number, category, date, constant or ignored; guessed, unless the user sets them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular.cells import MISSING, clean_text, number_column, to_numbers, uses_decimal_comma
from training.data.tabular.dates import LIKE_DATE, normal_spelling
from training.errors import UserError

if TYPE_CHECKING:
    from training.data.table import Table

Kind = Literal["number", "category", "date", "constant", "ignore"]
COLUMN_TYPES = ("number", "category", "date", "ignore")  # that a user can set
ID_NAME = re.compile(r"(^|_|\b)(id|uuid|guid|index|row|rowid|key)$", re.IGNORECASE)
MIN_READABLE = 0.95  # share of the filled cells that must parse as numbers or dates
MIN_ROWS_FOR_ID = 20  # below which distinct values do not show that a column is an id
MAX_WORDS = 4.0  # per cell, above which distinct texts are prose


@dataclass(frozen=True)
class Column:
    """The type of one column.

    Args:
        kind: "constant" columns are only monitored for change; "ignore" is left out.
        reason: Why, for the user; empty where it is obvious.
        unread: Number of filled cells that do not parse and count as missing.
        decimal_comma: Whether "3,5" is three and a half.
    """

    name: str
    kind: Kind
    reason: str = ""
    unread: int = 0
    decimal_comma: bool = False


def parse_column_types(words: str, names: Sequence[str]) -> dict[str, Kind]:
    """Parse "zip=category, note=ignore".

    Raises:
        UserError: For a part of another form, a kind or a column that there is not.
    """
    types: dict[str, Kind] = {}
    for part in filter(None, (text.strip() for text in words.split(","))):
        name, equals, kind = (text.strip() for text in part.rpartition("="))
        if not equals or kind not in COLUMN_TYPES:
            raise UserError(f"columns: {part!r} was given; write NAME=KIND, the kind one of {', '.join(COLUMN_TYPES)}.")
        if name not in names:
            raise UserError(f"columns: there is no column {name!r}; there are: {', '.join(names[:40])}.")
        types[name] = kind  # type: ignore[assignment]
    return types


def guess_column_types(
    table: Table, said: Mapping[str, Kind] | None = None, *, skip: Sequence[str] = (), missing: Sequence[str] = MISSING
) -> list[Column]:
    """Guess the type of every column except those of `skip`; types set by the user take precedence."""
    said = said or {}
    return [
        guess_column_type(name, values, said.get(name), missing)
        for name, values in table.columns.items()
        if name not in skip
    ]  # fmt: skip


def guess_column_type(
    name: str, values: pa.ChunkedArray, said: Kind | None = None, missing: Sequence[str] = MISSING
) -> Column:
    """Guess the type of one column, or check the type set by the user."""
    if said == "ignore":
        return Column(name, "ignore", "as you said")
    text = None if _is_plain_number(values) else clean_text(values, missing)
    if text is None and not _is_plain_number(values):
        return Column(name, "ignore", f"holds {values.type}")
    return _guess_number(name, values, said) if text is None else _guess_text(name, values, text, said)


def _is_plain_number(values: pa.ChunkedArray) -> bool:
    return pa.types.is_integer(values.type) or pa.types.is_floating(values.type)


def _guess_number(name: str, values: pa.ChunkedArray, said: Kind | None) -> Column:
    numbers, _ = number_column(values)
    return _judge_numbers(name, numbers, said, 0, False)


def _guess_text(name: str, values: pa.ChunkedArray, text: pa.ChunkedArray, said: Kind | None) -> Column:
    filled = text.drop_null()
    if not len(filled):
        return Column(name, "ignore", "empty in every row")
    plain = said is None and _are_plain_numbers(filled)  # the usual case, decided without a regular expression
    if said == "date" or (said is None and not plain and (pa.types.is_temporal(values.type) or _reads_as_date(filled))):
        return Column(name, "date")
    comma = not plain and uses_decimal_comma(filled)
    numbers, unread = to_numbers(text, decimal_comma=comma)
    if said == "number" or (said is None and unread.sum() <= (1 - MIN_READABLE) * len(filled)):
        return _judge_numbers(name, numbers, said, int(unread.sum()), comma)
    return _judge_categories(name, filled, said)


def _are_plain_numbers(filled: pa.ChunkedArray) -> bool:
    try:
        filled.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _reads_as_date(filled: pa.ChunkedArray) -> bool:
    compute: Any = pc
    matched = compute.match_substring_regex(normal_spelling(filled), LIKE_DATE)
    return compute.sum(matched).as_py() >= MIN_READABLE * len(filled)


def _judge_numbers(name: str, numbers: np.ndarray, said: Kind | None, unread: int, comma: bool) -> Column:
    filled = numbers[~np.isnan(numbers)]
    if not len(filled):
        return Column(name, "ignore", "empty in every row")
    distinct = np.unique(filled)
    if len(distinct) == 1 and len(filled) == len(numbers):
        return Column(name, "constant", f"always {distinct[0]:g}")
    if said is None and _is_id(name, filled, distinct):
        return Column(name, "ignore", "another whole number in every row: an id")
    kind = said or ("category" if len(distinct) <= 2 else "number")
    return Column(name, kind, "two values" if not said and kind == "category" else "", unread, comma)


def _is_id(name: str, filled: np.ndarray, distinct: np.ndarray) -> bool:
    """Whether values are distinct whole numbers that fill most of their range, or their column is called an id."""
    if len(filled) < MIN_ROWS_FOR_ID or len(distinct) < len(filled) or not np.isfinite(filled).all():
        return False
    whole = np.array_equal(filled, np.floor(filled))
    return bool(whole and (distinct[-1] - distinct[0] < 1.3 * len(filled) or ID_NAME.search(name)))


def _judge_categories(name: str, filled: pa.ChunkedArray, said: Kind | None) -> Column:
    compute: Any = pc
    distinct = len(compute.unique(filled))
    if distinct == 1 and said is None:
        return Column(name, "constant", f"always {filled[0].as_py()[:40]!r}")
    if said is None and len(filled) >= MIN_ROWS_FOR_ID and distinct > 0.9 * len(filled):
        words = compute.mean(compute.count_substring(filled, " ")).as_py() + 1
        return Column(name, "ignore", "prose" if words > MAX_WORDS else "another value in nearly every row: an id")
    return Column(name, "category")
