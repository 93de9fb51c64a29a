"""Fit a TableEncoder: measure scales and vocabularies on the training rows, column by column."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from training.data.tabular import dates
from training.data.tabular.booleans import merged_spellings
from training.data.tabular.cells import category_text, column_text, number_column
from training.data.tabular.column_types import Column
from training.data.tabular.features import PRESENT, CategoryFeature, NumberFeature
from training.data.tabular.scaling import Scaler, Scaling

if TYPE_CHECKING:
    from training.data.table import Table


class Fitting:
    """Collects the features of the columns."""

    def __init__(self, table: Table, scaling: Scaling, min_count: int, max_categories: int, missing: tuple[str, ...]):
        self.table, self.missing = table, missing
        self.scaling: Scaling = scaling
        self.min_count, self.max_categories = min_count, max_categories
        self.numbers: list[NumberFeature] = []
        self.categories: list[CategoryFeature] = []
        self.constants: dict[str, str] = {}

    def add(self, column: Column) -> None:
        if column.kind != "ignore":
            getattr(self, f"_add_{column.kind}")(column, self.table.column(column.name))

    def _add_number(self, column: Column, values: pa.ChunkedArray) -> None:
        numbers, _ = number_column(values, column, self.missing)
        self.numbers.append(NumberFeature(column.name, "", Scaler.fit(numbers, self.scaling)))
        self._add_presence(column.name, np.isnan(numbers))

    def _add_date(self, column: Column, values: pa.ChunkedArray) -> None:
        seconds, _ = dates.to_seconds(values, column_text(values, column, self.missing), column.dates)
        parts = dates.date_parts(seconds)
        for place, part in enumerate(dates.PARTS):
            filled = parts[:, place][~np.isnan(seconds)]
            if len(filled) and filled.std() > 1e-6:  # a column without hours has no hour
                scaling: Scaling = self.scaling if part == "day" else "standard"
                self.numbers.append(NumberFeature(column.name, part, Scaler.fit(filled, scaling)))
        self._add_presence(column.name, np.isnan(seconds))

    def _add_presence(self, name: str, absent: np.ndarray) -> None:
        if absent.any():  # so that a network can learn when a missing cell is anomalous
            holes = int(absent.sum())
            self.categories.append(CategoryFeature(name, "missing", (PRESENT,), (0, holes, 0, len(absent) - holes)))

    def _add_category(self, column: Column, values: pa.ChunkedArray) -> None:
        text = category_text(values, column, self.missing)
        counts = sorted(_value_counts(text), key=lambda pair: (-pair[1], pair[0]))
        frequent = [pair for pair in counts if pair[1] >= self.min_count] or counts
        own, folded = frequent[: self.max_categories], len(frequent[self.max_categories :])  # with an id of their own
        rare = sum(count for _, count in counts) - sum(count for _, count in own)
        numbers = (0, text.null_count, rare, *(count for _, count in own))
        self.categories.append(CategoryFeature(column.name, "", tuple(value for value, _ in own), numbers, folded))

    def _add_constant(self, column: Column, values: pa.ChunkedArray) -> None:
        text = category_text(values, column, self.missing).drop_null()
        self.constants[column.name] = text[0].as_py()
        if len(text) < len(values):  # only its presence varies
            self.categories.append(
                CategoryFeature(column.name, "", (text[0].as_py(),), (0, len(values) - len(text), 0, len(text)))
            )


def _value_counts(text: pa.ChunkedArray) -> list[tuple[str, int]]:
    """The values of a column, each with its count; True, TRUE and 1 are one, in the most frequent spelling."""
    counts = {entry["values"]: entry["counts"] for entry in text.drop_null().value_counts().to_pylist()}
    merged: Counter[str] = Counter()
    for word, spelling in merged_spellings(counts).items():
        merged[spelling] += counts[word]
    return list(merged.items())
