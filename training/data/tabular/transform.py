"""Encode the rows of a table with a fitted encoder, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular import dates
from training.data.tabular.booleans import same_value
from training.data.tabular.cells import category_text, column_text, number_column
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
        self.unread: dict[str, int] = {}
        at_number: dict[str, list[int]] = {}
        at_category: dict[str, int] = {}
        for place, one in enumerate(encoder.numbers):
            at_number.setdefault(one.column, []).append(place)
        for place, one in enumerate(encoder.categories):
            at_category[one.column] = place
        kept = [one for one in encoder.kinds if one.kind != "ignore"]
        for place, column in enumerate(kept):
            values = table.column(column.name)
            if column.kind in ("number", "date"):
                places, presence = at_number.get(column.name, []), at_category.get(column.name)
                self._read_numbers(column, values, places, presence, place)
            elif column.name in at_category:
                self._read_category(column, values, at_category[column.name], place)
            else:
                value = encoder.constants[column.name]
                text = category_text(values, column, encoder.missing)
                self.unseen[:, place] = _places(text, (value,)) < 0

    def _read_numbers(
        self, column: Column, values: pa.ChunkedArray, places: list[int], presence: int | None, place: int
    ) -> None:
        encoder = self.encoder
        if column.kind == "date":
            raw, unread = dates.to_seconds(values, column_text(values, column, encoder.missing), column.dates)
            parts = dates.date_parts(raw)
            for index in places:
                feature = encoder.numbers[index]
                self.numbers[:, index] = feature.scaler.scaled(parts[:, dates.PARTS.index(feature.part)])
        else:
            raw, unread = number_column(values, column, encoder.missing)
            self.numbers[:, places[0]] = encoder.numbers[places[0]].scaler.scaled(raw)
        absent = np.isnan(raw)
        if presence is None:
            self.unseen[:, place] = absent
        else:
            self.categories[:, presence] = np.where(absent, ABSENT, len(SPECIAL))
        if unread.any():
            self.unread[column.name] = int(unread.sum())
        if not column.unread:  # all cells of training could be parsed
            self.unseen[:, place] |= unread

    def _read_category(self, column: Column, values: pa.ChunkedArray, at: int, place: int) -> None:
        feature = self.encoder.categories[at]
        text = category_text(values, column, self.encoder.missing)
        ids = _places(text, feature.values) + np.int32(len(SPECIAL))
        ids[ids < len(SPECIAL)] = RARE if feature.folded else HIDDEN
        absent = np.asarray(text.is_null().to_numpy(), dtype=bool)
        ids[absent] = ABSENT if feature.counts[ABSENT] else HIDDEN
        self.categories[:, at] = ids
        self.unseen[:, place] = ids == HIDDEN


def _places(text: pa.ChunkedArray, vocabulary: tuple[str, ...]) -> np.ndarray:
    """The place of each cell in a vocabulary, int32 (rows,): -1 where it is none of its values, however spelled."""
    compute: Any = pc
    known = compute.fill_null(compute.index_in(text, value_set=pa.array(vocabulary, pa.string())), -1)
    places = np.array(known.to_numpy(), dtype=np.int32)
    others = text.filter(pa.array(places < 0)).drop_null().unique().to_pylist()
    for word in others:
        value = same_value(word, vocabulary)
        if value is not None:
            equal = np.asarray(compute.fill_null(compute.equal(text, word), False).to_numpy(), dtype=bool)
            places[equal] = vocabulary.index(value)
    return places
