"""TableEncoder: encode rows as scaled numbers and category ids; fitted on training rows, saved as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.array_files import number_type, unnamed_array
from training.data.progress import report
from training.data.tabular.column_types import Column
from training.data.tabular.features import CategoryFeature, Encoded, NumberFeature
from training.data.tabular.fitting import Fitting
from training.data.tabular.missing import MISSING
from training.data.tabular.scaling import Scaler, Scaling
from training.data.tabular.transform import Reading
from training.errors import UserError
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from training.data.table import Table

FITTED_ROWS = 500_000  # of more rows, so many by chance show scales and vocabularies
ENCODED_ROWS = 100_000  # at once
ENCODING = "Encoding the rows"


def fitted_rows(rows: np.ndarray, seed: int) -> np.ndarray:
    """The rows of a training set that an encoder is fitted on: all, or a sample of them."""
    if len(rows) <= FITTED_ROWS:
        return rows
    return np.sort(np.random.default_rng([seed, 5]).choice(rows, FITTED_ROWS, replace=False))


def sample_findings(rows: int) -> list[Finding]:
    """What is to be said of a table that the columns are judged by a sample of."""
    if rows <= FITTED_ROWS:
        return []
    title = f"Columns are judged by {FITTED_ROWS:,} of the {rows:,} training rows, drawn by chance"
    return [Finding("green", title, "Their types, scales and values come from these; all rows are trained on.")]


@dataclass(frozen=True)
class TableEncoder:
    """Columns -> features.

    Args:
        kinds: Every column of the training table but the label, with what it was taken for.
        columns: The names of those that are scored, in order: `Encoded.unseen` and all errors a column have this order.
        rows: How many rows it was fitted on.
        constants: Column -> its only value, as text.
    """

    kinds: tuple[Column, ...]
    numbers: tuple[NumberFeature, ...]
    categories: tuple[CategoryFeature, ...]
    rows: int
    missing: tuple[str, ...] = MISSING
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        return [column.name for column in self.kinds if column.kind != "ignore"]

    def column(self, name: str) -> Column:
        """Return what a column was taken for."""
        return next(column for column in self.kinds if column.name == name)

    def owners(self) -> tuple[np.ndarray, np.ndarray]:
        """Return for each number feature and each category feature the index of its column in `columns`."""
        place = {name: number for number, name in enumerate(self.columns)}
        return (
            np.asarray([place[feature.column] for feature in self.numbers], dtype=np.int64),
            np.asarray([place[feature.column] for feature in self.categories], dtype=np.int64),
        )

    @classmethod
    def fit(
        cls,
        table: Table,
        kinds: Sequence[Column],
        *,
        scaling: Scaling = "auto",
        min_count: int = 2,
        max_categories: int = 1000,
        missing: Sequence[str] = MISSING,
    ) -> TableEncoder:
        """Measure scales and vocabularies on the training rows.

        Args:
            min_count: Rows a category needs for an id of its own; the others share one.
            max_categories: Ids a column may have; the most frequent get them.

        Raises:
            UserError: If no column is left.
        """
        fitting = Fitting(table, scaling, min_count, max_categories, tuple(missing))
        for one in kinds:
            fitting.add(one)
        if not fitting.numbers and not fitting.categories:
            why = "; ".join(f"{one.name}: {one.reason or one.kind}" for one in list(kinds)[:8])
            raise UserError(f"No usable column in {table.source}: {why or 'it has none'}. Add one that varies.")
        return cls(
            tuple(kinds),
            tuple(fitting.numbers),
            tuple(fitting.categories),
            len(table),
            tuple(missing),
            fitting.constants,
        )

    def encode(self, table: Table) -> Encoded:
        """Encode the rows of a table that has these columns, however they are capitalised; others are ignored.

        Raises:
            UserError: If columns are missing; the message names them.
        """
        table = table.spelled_as(self.columns)
        absent = [name for name in self.columns if name not in table.columns]
        if absent:
            raise UserError(
                f"{table.source} lacks {len(absent)} of the {len(self.columns)} columns that this model knows: "
                f"{', '.join(absent[:20])}. It has: {', '.join(table.names[:20])}."
            )
        reading = Reading(self, table)
        return Encoded(reading.numbers, reading.categories, reading.unseen, reading.unread)

    def encode_in_order(self, table: Table, order: np.ndarray) -> Encoded:
        """The rows of these numbers in this order, as `encode` gives them, read a piece of the table at a time.

        Of many rows the arrays are in files: see `unnamed_array`.

        Args:
            order: Numbers of rows, each at most once.

        Raises:
            UserError: As `encode`.
        """
        rows, unread = len(order), Counter[str]()
        places = unnamed_array((len(table),), number_type(len(table)))  # counted from 1, so that 0 is a row left out
        for start in range(0, rows, ENCODED_ROWS):
            of_piece = order[start : start + ENCODED_ROWS]
            places[of_piece] = np.arange(start + 1, start + 1 + len(of_piece))
        numbers = unnamed_array((rows, len(self.numbers)), np.float32)
        categories = unnamed_array((rows, len(self.categories)), np.int32)
        unseen = unnamed_array((rows, len(self.columns)), bool)
        for start in range(0, len(table), ENCODED_ROWS):
            report(ENCODING, start, len(table))
            piece = self.encode(table.slice(start, ENCODED_ROWS))
            to = places[start : start + ENCODED_ROWS] - 1
            wanted = to >= 0
            numbers[to[wanted]], categories[to[wanted]] = piece.numbers[wanted], piece.categories[wanted]
            unseen[to[wanted]] = piece.unseen[wanted]
            unread.update(piece.unread)
        return Encoded(numbers, categories, unseen, dict(unread))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; see `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TableEncoder:
        """Restore an encoder from the values of `to_dict`, also after JSON."""
        numbers = [
            NumberFeature(feature["column"], feature["part"], Scaler.from_dict(feature["scaler"]))
            for feature in values["numbers"]
        ]
        categories = [
            CategoryFeature(**{**feature, "values": tuple(feature["values"]), "counts": tuple(feature["counts"])})
            for feature in values["categories"]
        ]
        day_first = values.get("day_first", ())  # of earlier versions
        kinds = tuple(Column.from_dict(column, column["name"] in day_first) for column in values["kinds"])
        missing, constants = tuple(values["missing"]), dict(values["constants"])
        return cls(kinds, tuple(numbers), tuple(categories), values["rows"], missing, constants)
