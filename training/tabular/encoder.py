"""A fitted reading of a table: every row as scaled numbers and category ids, the same for training and for scoring, kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import UserError
from training.preflight import Finding
from training.tabular import dates
from training.tabular.cells import MISSING, clean_text, number_column
from training.tabular.kinds import Column
from training.tabular.scaling import Scaler, Scaling

if TYPE_CHECKING:
    import pyarrow as pa

    from training.data import Table

HIDDEN, ABSENT, RARE = 0, 1, 2  # ids before those of a column's own values: unseen or masked; missing; too rare to keep
SPECIAL = ("(hidden)", "(missing)", "(rare)")
PRESENT = "(present)"


@dataclass(frozen=True)
class NumberFeature:
    """One scaled number: a column, or a part of a date."""

    column: str
    part: str
    scaler: Scaler


@dataclass(frozen=True)
class CategoryFeature:
    """One vocabulary: of a column, or (part "missing") whether a number or date is there at all.

    Args:
        values: The values that have an id of their own, the most frequent first; value i has id i + 3.
        counts: Training rows of hidden, missing, rare, and of each value.
    """

    column: str
    part: str
    values: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def size(self) -> int:
        return len(self.values) + len(SPECIAL)

    def spelled(self, number: int) -> str:
        """The value behind an id."""
        return SPECIAL[number] if number < len(SPECIAL) else self.values[number - len(SPECIAL)]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows as the networks take them.

    Args:
        numbers: Scaled, NaN where missing, float32 (rows, number features).
        categories: Ids, int32 (rows, category features); 0 where the value was never seen in training.
        unseen: Cells unlike any of training (a new category, a hole where there was none, a constant that changed),
            bool (rows, columns).
    """

    numbers: np.ndarray
    categories: np.ndarray
    unseen: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, rows: Any) -> Encoded:
        """These rows, by index or slice."""
        return Encoded(self.numbers[rows], self.categories[rows], self.unseen[rows])


@dataclass(frozen=True)
class TableEncoder:
    """Columns -> features.

    Args:
        kinds: Every column of the training table but the label, with what it was taken for.
        columns: The names of those that are scored, in order: `Encoded.unseen` and all errors a column have this order.
        rows: How many rows it was fitted on.
        day_first: Date columns that write the day before the month.
        constants: Column -> its only value, as text.
    """

    kinds: tuple[Column, ...]
    numbers: tuple[NumberFeature, ...]
    categories: tuple[CategoryFeature, ...]
    rows: int
    missing: tuple[str, ...] = MISSING
    day_first: tuple[str, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        return [one.name for one in self.kinds if one.kind != "ignore"]

    def owners(self) -> tuple[np.ndarray, np.ndarray]:
        """For each number feature and each category feature, the place of its column in `columns`."""
        place = {name: number for number, name in enumerate(self.columns)}
        return (
            np.asarray([place[one.column] for one in self.numbers], dtype=np.int64),
            np.asarray([place[one.column] for one in self.categories], dtype=np.int64),
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
        fitting = _Fitting(table, scaling, min_count, max_categories, tuple(missing))
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
            tuple(fitting.day_first),
            fitting.constants,
        )

    def encode(self, table: Table) -> Encoded:
        """Read the rows of any table that has these columns; others are left alone.

        Raises:
            UserError: If columns are missing; the message names them.
        """
        absent = [name for name in self.columns if name not in table.columns]
        if absent:
            raise UserError(
                f"{table.source} lacks {len(absent)} of the {len(self.columns)} columns that this model knows: {', '.join(absent[:20])}. It has: {', '.join(table.names[:20])}."
            )
        reading = _Reading(self, table)
        return Encoded(reading.numbers, reading.categories, reading.unseen)

    def findings(self, table: Table, encoded: Encoded) -> list[Finding]:
        """What is to be said of a table before its scores are believed."""
        extra = [name for name in table.names if name not in {one.name for one in self.kinds}]
        found = []
        if extra:
            found.append(
                Finding(
                    "green", f"{len(extra)} columns that the model does not know are left alone", ", ".join(extra[:10])
                )
            )
        for place, share in enumerate(encoded.unseen.mean(0) if len(encoded) else ()):
            if share > 0:
                level = "amber" if share > 0.05 else "green"
                found.append(
                    Finding(level, f"{share:.0%} of the cells of {self.columns[place]!r} are unlike any of training")
                )
        owners, _ = self.owners()
        for place, feature in enumerate(self.numbers):
            holes = float(np.isnan(encoded.numbers[:, place]).mean()) if len(encoded) else 0.0
            if feature.part in ("", "day") and holes > 0.5:
                found.append(
                    Finding("amber", f"{holes:.0%} of the cells of {self.columns[owners[place]]!r} are missing")
                )
        return found  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; see `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TableEncoder:
        """What `to_dict` gave, also by way of JSON."""
        numbers = [
            NumberFeature(one["column"], one["part"], Scaler(**{**one["scaler"], "quantiles": tuple(one["scaler"]["quantiles"])}))
            for one in values["numbers"]
        ]  # fmt: skip
        categories = [
            CategoryFeature(one["column"], one["part"], tuple(one["values"]), tuple(one["counts"]))
            for one in values["categories"]
        ]
        kinds = tuple(Column(**one) for one in values["kinds"])
        parts = {name: tuple(values[name]) for name in ("missing", "day_first")}
        return cls(
            kinds, tuple(numbers), tuple(categories), values["rows"], **parts, constants=dict(values["constants"])
        )


class _Fitting:
    """Gathers the features of one column after the other."""

    def __init__(self, table: Table, scaling: Scaling, min_count: int, max_categories: int, missing: tuple[str, ...]):
        self.table, self.missing = table, missing
        self.scaling: Scaling = scaling
        self.min_count, self.max_categories = min_count, max_categories
        self.numbers: list[NumberFeature] = []
        self.categories: list[CategoryFeature] = []
        self.day_first: list[str] = []
        self.constants: dict[str, str] = {}

    def add(self, column: Column) -> None:
        if column.kind != "ignore":
            getattr(self, f"_add_{column.kind}")(column, self.table.column(column.name))

    def _add_number(self, column: Column, values: pa.ChunkedArray) -> None:
        numbers, _ = number_column(values, decimal_comma=column.decimal_comma, missing=self.missing)
        self.numbers.append(NumberFeature(column.name, "", Scaler.fit(numbers, self.scaling)))
        self._add_presence(column.name, np.isnan(numbers))

    def _add_date(self, column: Column, values: pa.ChunkedArray) -> None:
        text = None if _is_temporal(values) else clean_text(values, self.missing)
        day_first = text is not None and dates.day_comes_first(dates.normal_spelling(text))
        self.day_first += [column.name] if day_first else []
        seconds, _ = dates.to_seconds(values, day_first=day_first, missing=self.missing)
        parts = dates.date_parts(seconds)
        for place, part in enumerate(dates.PARTS):
            filled = parts[:, place][~np.isnan(seconds)]
            if len(filled) and filled.std() > 1e-6:  # a column without hours has no hour
                scaling: Scaling = self.scaling if part == "day" else "standard"
                self.numbers.append(NumberFeature(column.name, part, Scaler.fit(filled, scaling)))
        self._add_presence(column.name, np.isnan(seconds))

    def _add_presence(self, name: str, absent: np.ndarray) -> None:
        if absent.any():  # a network can then tell when a hole is odd
            holes = int(absent.sum())
            self.categories.append(CategoryFeature(name, "missing", (PRESENT,), (0, holes, 0, len(absent) - holes)))

    def _add_category(self, column: Column, values: pa.ChunkedArray) -> None:
        text = category_text(column, values, self.missing)
        counts = sorted(_value_counts(text), key=lambda pair: (-pair[1], pair[0]))
        kept = [pair for pair in counts if pair[1] >= self.min_count][: self.max_categories] or counts[
            : self.max_categories
        ]
        rare = sum(count for _, count in counts) - sum(count for _, count in kept)
        numbers = (0, text.null_count, rare, *(count for _, count in kept))
        self.categories.append(CategoryFeature(column.name, "", tuple(value for value, _ in kept), numbers))

    def _add_constant(self, column: Column, values: pa.ChunkedArray) -> None:
        text = category_text(column, values, self.missing).drop_null()
        self.constants[column.name] = text[0].as_py()
        if len(text) < len(values):  # whether it is there is all that varies
            self.categories.append(
                CategoryFeature(column.name, "", (text[0].as_py(),), (0, len(values) - len(text), 0, len(text)))
            )


class _Reading:
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
                text = category_text(column, values, encoder.missing)
                self.unseen[:, place] = ~_equals(text, encoder.constants[column.name])

    def _read_numbers(
        self, column: Column, values: pa.ChunkedArray, places: list[int], presence: int | None, place: int
    ) -> None:
        encoder = self.encoder
        if column.kind == "date":
            day_first = column.name in encoder.day_first
            raw, unread = dates.to_seconds(values, day_first=day_first, missing=encoder.missing)
            parts = dates.date_parts(raw)
            for each in places:
                feature = encoder.numbers[each]
                self.numbers[:, each] = feature.scaler.scaled(parts[:, dates.PARTS.index(feature.part)])
        else:
            raw, unread = number_column(values, decimal_comma=column.decimal_comma, missing=encoder.missing)
            self.numbers[:, places[0]] = encoder.numbers[places[0]].scaler.scaled(raw)
        absent = np.isnan(raw)
        if presence is None:
            self.unseen[:, place] = absent
        else:
            self.categories[:, presence] = np.where(absent, ABSENT, len(SPECIAL))
        if not column.unread:  # training had only cells that could be read
            self.unseen[:, place] |= unread

    def _read_category(self, column: Column, values: pa.ChunkedArray, at: int, place: int) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        compute: Any = pc
        feature = self.encoder.categories[at]
        text = category_text(column, values, self.encoder.missing)
        known = compute.index_in(text, value_set=pa.array(feature.values, pa.string()))
        ids = np.asarray(compute.fill_null(known, -1).to_numpy(), dtype=np.int32) + len(SPECIAL)
        ids[ids < len(SPECIAL)] = HIDDEN
        absent = np.asarray(text.is_null().to_numpy(), dtype=bool)
        ids[absent] = ABSENT if feature.counts[ABSENT] else HIDDEN
        self.categories[:, at] = ids
        self.unseen[:, place] = ids == HIDDEN


def category_text(column: Column, values: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """A column as category names: numbers lose what only a format adds, so that 1, 1.0 and "1" are one value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        spelled = [None if np.isnan(value) else f"{value:.15g}" for value in number_column(values)[0]]
        return pa.chunked_array([pa.array(spelled, pa.string())])
    text = clean_text(values, missing)
    if text is None:
        return pa.chunked_array([pa.nulls(len(values), pa.string())])
    return compute.replace_substring_regex(text, r"^(-?\d+)\.0+$", r"\1")


def _is_temporal(values: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return pa.types.is_temporal(values.type)


def _value_counts(text: pa.ChunkedArray) -> list[tuple[str, int]]:
    return [(one["values"], one["counts"]) for one in text.drop_null().value_counts().to_pylist()]


def _equals(text: pa.ChunkedArray, value: str) -> np.ndarray:
    import pyarrow.compute as pc

    compute: Any = pc
    return np.asarray(compute.fill_null(compute.equal(text, value), False).to_numpy(), dtype=bool)
