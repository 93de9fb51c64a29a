"""Parse dates of many formats, and split them into features: day number and cyclic position in year, week and day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular.cells import MISSING, clean_text

ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%d.%m.%Y", "%d.%m.%Y %H:%M")
MONTH_FIRST = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m-%d-%Y")
DAY_FIRST = ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d-%m-%Y")
SLASHED = r"^\d\d?[/-]\d\d?[/-]\d{4}"
LIKE_DATE = r"^(\d{4}[-/]\d\d?[-/]\d\d?|\d\d?[./-]\d\d?[./-]\d{4})([T ]\d\d?:\d\d(:\d\d)?)?$"
DAY_SECONDS = 86_400
PARTS = ("day", "year_sin", "year_cos", "week_sin", "week_cos", "hour_sin", "hour_cos")


def normal_spelling(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Remove fractions of seconds and time zones, and replace the T by a blank."""
    compute: Any = pc
    text = compute.replace_substring_regex(text, r"(:\d\d)\.\d+", r"\1")
    text = compute.replace_substring_regex(text, r"(\d\d:\d\d(:\d\d)?)\s?(Z|[+-]\d\d:?\d\d)$", r"\1")
    return compute.replace_substring_regex(text, r"^(\S+)T(\d)", r"\1 \2")


def day_comes_first(text: pa.ChunkedArray) -> bool:
    """Whether some date such as 13/02/2024 shows that days come before months; else 01/02/2024 is read as January."""
    compute: Any = pc
    return bool(compute.any(compute.match_substring_regex(text, r"^(1[3-9]|2\d|3[01])[/-]\d\d?[/-]\d{4}")).as_py())


def is_ambiguous(text: pa.ChunkedArray) -> bool:
    """Whether the month of dates with slashes is ambiguous."""
    compute: Any = pc
    slashed = compute.any(compute.match_substring_regex(text, SLASHED)).as_py()
    month_first = compute.any(compute.match_substring_regex(text, r"^\d\d?[/-](1[3-9]|2\d|3[01])[/-]\d{4}")).as_py()
    return bool(slashed) and not day_comes_first(text) and not month_first


def to_seconds(
    values: pa.ChunkedArray, *, day_first: bool = False, missing: Sequence[str] = MISSING
) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds since 1970, float64 (rows,), NaN where missing or unreadable.

    And which filled cells are no dates.
    """
    compute: Any = pc
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        seconds = values.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).cast(pa.float64())
        return np.asarray(seconds.to_numpy(), dtype=np.float64), np.zeros(len(values), dtype=bool)
    text = clean_text(values, missing)
    if text is None:
        return np.full(len(values), np.nan), np.ones(len(values), dtype=bool)
    spelled = normal_spelling(text)
    found = pa.nulls(len(text), pa.timestamp("s"))
    for form in (*ISO, *(DAY_FIRST if day_first else MONTH_FIRST)):
        read = compute.strptime(spelled, format=form, unit="s", error_is_null=True)
        found = compute.coalesce(found, read)
    seconds = np.asarray(found.cast(pa.int64()).cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    return seconds, np.asarray(text.is_valid().to_numpy(), dtype=bool) & np.isnan(seconds)


def date_parts(seconds: np.ndarray) -> np.ndarray:
    """Return day number and sine and cosine of the position in year, week and day, (rows, 7)."""
    days = seconds / DAY_SECONDS
    turns = np.stack([days / 365.2425, (days + 3) / 7, days], axis=1) * 2 * np.pi  # 1970-01-01 was a Thursday
    circle = np.stack([np.sin(turns), np.cos(turns)], axis=2).reshape(len(days), 6)
    return np.concatenate([np.floor(days)[:, None], circle], axis=1)
