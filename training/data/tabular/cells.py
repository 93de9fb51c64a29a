"""Parse cells as numbers: thousands separators, per cent signs, currencies, decimal commas and words for "missing"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.arrow import as_text

MISSING = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "null", "NULL", "None", "?", "-", "--", "#N/A", ".")
NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
INFINITE = r"^[-+]?[iI]nf(inity)?$"
THOUSANDS = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
DECIMAL_COMMA = r"^[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+$"
AROUND = r"^[\s$€£¥]+|[\s%€]+$"  # currency before, per cent or currency after: the unit is the column's


def clean_text(values: pa.ChunkedArray, missing: Sequence[str] = MISSING) -> pa.ChunkedArray | None:
    """Return a column as trimmed text, null where a cell means "missing"; None for types without a text form."""
    compute: Any = pc
    text = as_text(values)
    if text is None:
        return None
    text = compute.utf8_trim_whitespace(text.cast(pa.string()))
    absent = compute.is_in(text, value_set=pa.array(list(missing), pa.string()))
    return compute.if_else(absent, pa.scalar(None, pa.string()), text)


def uses_decimal_comma(text: pa.ChunkedArray) -> bool:
    """Whether a column writes 3,5 for three and a half: some cell can only be read so, and none has a decimal point."""
    compute: Any = pc
    bare = compute.replace_substring_regex(text, AROUND, "")
    comma = compute.match_substring_regex(bare, DECIMAL_COMMA)
    only = compute.and_(comma, compute.invert(compute.match_substring_regex(bare, THOUSANDS)))
    points = compute.match_substring_regex(bare, NUMBER)
    with_point = compute.and_(points, compute.match_substring(bare, "."))
    return bool(compute.any(only).as_py()) and not compute.any(with_point).as_py()


def to_numbers(text: pa.ChunkedArray, *, decimal_comma: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Read cells as numbers.

    Args:
        text: Trimmed cells, null where missing.
        decimal_comma: Whether "1.234,5" is meant as 1234.5.

    Returns:
        Values, float64 (rows,), NaN where missing or unreadable, infinite where written so or too large; and which
        cells are filled but are no numbers, bool (rows,).
    """
    compute: Any = pc
    try:  # the usual case, in one pass
        return _array(text.cast(pa.float64())), np.zeros(len(text), dtype=bool)
    except pa.ArrowInvalid:
        pass
    bare = compute.replace_substring_regex(text, AROUND, "")
    if decimal_comma:
        bare = compute.replace_substring(compute.replace_substring(bare, ".", ""), ",", ".")
    else:
        grouped = compute.fill_null(compute.match_substring_regex(bare, THOUSANDS), False)
        bare = compute.if_else(grouped, compute.replace_substring(bare, ",", ""), bare)
    known = compute.match_substring_regex(bare, f"{NUMBER}|{INFINITE}")
    bare = compute.if_else(known, compute.replace_substring_regex(bare, r"^\+", ""), pa.scalar(None, pa.string()))
    values = _array(bare.cast(pa.float64()))
    unread = compute.and_(text.is_valid(), compute.invert(compute.fill_null(known, False)))
    return values, np.asarray(unread.to_numpy(), dtype=bool)


def number_column(
    values: pa.ChunkedArray, *, decimal_comma: bool = False, missing: Sequence[str] = MISSING
) -> tuple[np.ndarray, np.ndarray]:
    """Return a column of any plain type as numbers; see `to_numbers`."""
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        return _array(values.cast(pa.float64(), safe=False)), np.zeros(len(values), dtype=bool)
    text = clean_text(values, missing)
    if text is None:
        return np.full(len(values), np.nan), np.ones(len(values), dtype=bool)
    return to_numbers(text, decimal_comma=decimal_comma)


def category_text(values: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return a column as category names: numbers are normalised, so that 1, 1.0 and "1" are one category."""
    compute: Any = pc
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        spelled = [None if np.isnan(value) else f"{value:.15g}" for value in number_column(values)[0]]
        return pa.chunked_array([pa.array(spelled, pa.string())])
    text = clean_text(values, missing)
    if text is None:
        return pa.chunked_array([pa.nulls(len(values), pa.string())])
    return compute.replace_substring_regex(text, r"^(-?\d+)\.0+$", r"\1")


def _array(values: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(values.to_numpy(), dtype=np.float64)
