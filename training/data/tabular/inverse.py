"""Invert the encoding of numbers, dates and categories: from scaled values to text as the column writes its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from training.data.tabular.column_types import Column
from training.data.tabular.dates import DAY_SECONDS, spell_date
from training.data.tabular.features import SPECIAL, CategoryFeature, NumberFeature
from training.data.tabular.numbers import parse_number, spell_number

FIRST_DAY, LAST_DAY = -700_000, 2_900_000  # about the years 53 and 9909
DECIMALS = range(18)  # of a float that is not rounded


def spelled_number(column: Column, feature: NumberFeature, scaled: float) -> str:
    """Return a scaled number as text; whole where the column's numbers are."""
    value = float(feature.scaler.restored(np.asarray([scaled]))[0])
    form = column.numbers
    if form.decimals < 0 and not form.clock:
        # Percentiles between two whole numbers may not be whole: the majority decides.
        quantiles = np.asarray(feature.scaler.quantiles)
        form = replace(form, decimals=0) if (quantiles == np.round(quantiles)).mean() > 0.5 else form
    return spell_number(value, form)


def spelled_date(column: Column, scaled: Mapping[str, tuple[NumberFeature, float]]) -> str:
    """Return a date as text, of its scaled parts: the day, and the hour where the column has hours."""
    parts = {part: float(feature.scaler.restored(np.asarray([value]))[0]) for part, (feature, value) in scaled.items()}
    seconds = float(np.clip(np.round(parts["day"]), FIRST_DAY, LAST_DAY)) * DAY_SECONDS
    if "hour_sin" in parts or "hour_cos" in parts:
        turn = np.arctan2(parts.get("hour_sin", 0.0), parts.get("hour_cos", 0.0)) / (2 * np.pi)
        seconds += 60 * np.floor(turn % 1.0 * DAY_SECONDS / 60)  # to the minute: seconds would be invented
    return spell_date(seconds, column.dates)


def spelled_category(column: Column, feature: CategoryFeature, number: int) -> str:
    """Return the value of an id as text; a number as the column writes numbers, without rounding it."""
    value = feature.spelled(number)
    if not column.numeric or number < len(SPECIAL):
        return value
    exact = float(value)
    tries = (column.numbers.decimals, *DECIMALS)
    spellings = (spell_number(exact, replace(column.numbers, decimals=decimals)) for decimals in tries)
    return next((text for text in spellings if _reads_as(text, exact, column)), value)


def _reads_as(text: str, value: float, column: Column) -> bool:
    parsed = parse_number(text, column.numbers)
    return parsed is not None and parsed.value == value
