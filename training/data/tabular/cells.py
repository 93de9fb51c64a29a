"""Cells of a column as text, numbers or category names, under the column's fitted formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.arrow import as_text, seconds_of
from training.data.tabular.missing import MISSING
from training.data.tabular.numbers import to_numbers

if TYPE_CHECKING:
    from training.data.tabular.column_types import Column

EXACT = 2**53  # whole numbers up to here are floats without loss


def clean_text(values: pa.ChunkedArray, missing: Sequence[str] = MISSING) -> pa.ChunkedArray | None:
    """Return a column as trimmed text, null where a cell means "missing"; None for types without a text form."""
    compute: Any = pc
    text = as_text(values)
    if text is None:
        return None
    text = compute.utf8_trim_whitespace(text.cast(pa.string()))
    absent = compute.is_in(text, value_set=pa.array(list(missing), pa.string()))
    return compute.if_else(absent, pa.scalar(None, pa.string()), text)


def column_text(values: pa.ChunkedArray, column: Column, missing: Sequence[str]) -> pa.ChunkedArray | None:
    """Return `clean_text` of a column; where the words for "missing" are its values, only empty cells are missing."""
    return clean_text(values, ("",) if column.literal else missing)


def is_number(kind: pa.DataType) -> bool:
    """Whether the cells are numbers without being parsed."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def is_clock(kind: pa.DataType) -> bool:
    """Whether the cells are times of day or durations."""
    return pa.types.is_time(kind) or pa.types.is_duration(kind)


def plain_numbers(values: pa.ChunkedArray) -> np.ndarray:
    """Return a column of numbers, times of day or durations as float64, (rows,)."""
    numbers = seconds_of(values) if is_clock(values.type) else values.cast(pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(), dtype=np.float64)


def number_column(
    values: pa.ChunkedArray, column: Column, missing: Sequence[str] = MISSING
) -> tuple[np.ndarray, np.ndarray]:
    """Return a column of any plain type as numbers; see `to_numbers`."""
    if is_number(values.type) or is_clock(values.type):
        return plain_numbers(values), np.zeros(len(values), dtype=bool)
    text = column_text(values, column, missing)
    if text is None:
        return np.full(len(values), np.nan), np.ones(len(values), dtype=bool)
    return to_numbers(text, column.numbers)


def category_text(values: pa.ChunkedArray, column: Column, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return a column as category names: 1, 1.0 and "1" are one category, integers of any length differ."""
    compute: Any = pc
    kind = values.type
    if pa.types.is_floating(kind):
        values = _whole_as_integers(values)
    text = as_text(values) if is_number(kind) else column_text(values, column, missing)
    if text is None:
        return pa.chunked_array([pa.nulls(len(values), pa.string())])
    if column.numeric:
        read, unread = to_numbers(text, column.numbers)
        plain = _whole_as_integers(pa.chunked_array([pa.array(read, from_pandas=True)]))
        text = compute.if_else(pa.array(unread), text, plain)
    return compute.replace_substring_regex(text, r"^(-?\d+)\.0+$", r"\1")


def _whole_as_integers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return floats as text, whole ones as integers are written: Arrow writes 1e15 otherwise."""
    compute: Any = pc
    floats = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        whole = np.isfinite(floats) & (floats == np.floor(floats)) & (np.abs(floats) < 2.0**63)
    integers = pa.array(np.where(whole, floats, 0).astype(np.int64)).cast(pa.string())
    text = pa.concat_arrays(as_text(values).chunks) if len(values) else pa.array([], pa.string())  # type: ignore[union-attr]
    return pa.chunked_array([compute.if_else(pa.array(whole), integers, text)])
