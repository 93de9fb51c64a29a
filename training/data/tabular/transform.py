"""Encode the rows of a table with a fitted encoder, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular import dates
from training.data.tabular.cells import category_text, number_column
from training.data.tabular.column_types import Column
from training.data.tabular.features import ABSENT, HIDDEN, RARE, SPECIAL

if TYPE_CHECKING:
    from training.data.table import Table
    from training.data.tabular.encoder import TableEncoder


class Reading:
    """Fills the arrays of `Encoded`, column by column."""

    def __init__(self, encoder: TableEncoder, table: Table):
        self.encoder, self.table, rows = encoder, table, len(table)
        self.numbers = np.full((rows, len(encoder.numbers)), np.nan, dtype=np.float32)
        self.categories = np.zeros((rows, len(encoder.categories)), dtype=np.int32)
        self.unseen = np.zeros((rows, len(encoder.columns)), dtype=bool)
        at_number: dict[str, list[int]] = {}
        at_category: dict[str, int] = {}
        for place, one in enumerate(encoder.numbers):
            at_number.setdefault(one.column, []).append(place)
        for place, one in enumerate(encoder.categories):
            at_category[one.column] = place
        kept = [one for one in encoder.kinds if one.kind != "ignore"]
        for place, column in enumerate(kept):
            values = table.column(column.name)
            if column.name in at_number:
                self._read_numbers(column, values, at_number[column.name], at_category.get(column.name), place)
            elif column.name in at_category:
                self._read_category(column, values, at_category[column.name], place)
            else:
                text = category_text(values, encoder.missing)
                self.unseen[:, place] = ~_equals(text, encoder.constants[column.name])

    def _read_numbers(
        self, column: Column, values: pa.ChunkedArray, places: list[int], presence: int | None, place: int
    ) -> None:
        encoder = self.encoder
        if column.kind == "date":
            day_first = column.name in encoder.day_first
            raw, unread = dates.to_seconds(values, day_first=day_first, missing=encoder.missing)
            parts = dates.date_parts(raw)
            for index in places:
                feature = encoder.numbers[index]
                self.numbers[:, index] = feature.scaler.scaled(parts[:, dates.PARTS.index(feature.part)])
        else:
            raw, unread = number_column(values, decimal_comma=column.decimal_comma, missing=encoder.missing)
            self.numbers[:, places[0]] = encoder.numbers[places[0]].scaler.scaled(raw)
        absent = np.isnan(raw)
        if presence is None:
            self.unseen[:, place] = absent
        else:
            self.categories[:, presence] = np.where(absent, ABSENT, len(SPECIAL))
        if not column.unread:  # all cells of training could be parsed
            self.unseen[:, place] |= unread

    def _read_category(self, column: Column, values: pa.ChunkedArray, at: int, place: int) -> None:
        compute: Any = pc
        feature = self.encoder.categories[at]
        text = category_text(values, self.encoder.missing)
        known = compute.index_in(text, value_set=pa.array(feature.values, pa.string()))
        ids = np.asarray(compute.fill_null(known, -1).to_numpy(), dtype=np.int32) + len(SPECIAL)
        ids[ids < len(SPECIAL)] = RARE if feature.folded else HIDDEN
        absent = np.asarray(text.is_null().to_numpy(), dtype=bool)
        ids[absent] = ABSENT if feature.counts[ABSENT] else HIDDEN
        self.categories[:, at] = ids
        self.unseen[:, place] = ids == HIDDEN


def _equals(text: pa.ChunkedArray, value: str) -> np.ndarray:
    compute: Any = pc
    return np.asarray(compute.fill_null(compute.equal(text, value), False).to_numpy(), dtype=bool)
