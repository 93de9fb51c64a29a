"""Parts of an encoded table: number features, category features with their vocabularies, and the encoded rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.data.tabular.scaling import Scaler

HIDDEN, ABSENT, RARE = 0, 1, 2  # ids before those of a column's own values: unseen or masked; missing; too rare to keep
SPECIAL = ("(hidden)", "(missing)", "(rare)")
PIECE_ROWS = 100_000
PRESENT = "(present)"


@dataclass(frozen=True)
class NumberFeature:
    """One scaled number: a column, or a part of a date."""

    column: str
    part: str
    scaler: Scaler


@dataclass(frozen=True)
class CategoryFeature:
    """One vocabulary: of a column, or (part "missing") of whether a number or date is present.

    Args:
        values: The values that have an id of their own, the most frequent first; value i has id i + 3.
        counts: Training rows of hidden, missing, rare, and of each value.
        folded: Values beyond the most frequent ones, which share the id of the rare; a new value then cannot be told
            from them.
    """

    column: str
    part: str
    values: tuple[str, ...]
    counts: tuple[int, ...]
    folded: int = 0

    @property
    def size(self) -> int:
        return len(self.values) + len(SPECIAL)

    def spelled(self, number: int) -> str:
        """Return the value of an id, as text."""
        return SPECIAL[number] if number < len(SPECIAL) else self.values[number - len(SPECIAL)]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Encoded rows, as the networks take them.

    Args:
        numbers: Scaled, NaN where missing, float32 (rows, number features).
        categories: Ids, int32 (rows, category features); 0 where the value was never seen in training.
        unseen: Cells unlike any of training (a new category, a hole where there was none, a constant that changed),
            bool (rows, columns).
        unread: Filled cells of the whole table that are no numbers or dates, by column; parts of it have none.
    """

    numbers: np.ndarray
    categories: np.ndarray
    unseen: np.ndarray
    unread: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, rows: Any) -> Encoded:
        """Return the rows of an index or slice."""
        return Encoded(self.numbers[rows], self.categories[rows], self.unseen[rows])

    def pieces(self) -> Iterator[Encoded]:
        """The rows in order, some at a time; nothing is copied."""
        yield from (self.select(slice(start, start + PIECE_ROWS)) for start in range(0, len(self), PIECE_ROWS))

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """Concatenate the rows of all parts."""
        numbers, categories, unseen = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "categories", "unseen")
        )
        return cls(numbers, categories, unseen)


class EncodedParts:
    """Rows of several encoded tables, numbered one after the other; nothing is copied."""

    def __init__(self, *parts: Encoded):
        self.parts, self.ends = parts, np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def take(self, rows: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and categories of some rows, (rows, features) each, copied."""
        wanted = np.asarray(rows, np.int64)
        of_part = np.searchsorted(self.ends, wanted, side="right") - 1
        numbers, categories = (
            np.empty((len(wanted), *array.shape[1:]), array.dtype)
            for array in (self.parts[0].numbers, self.parts[0].categories)
        )
        for number, part in enumerate(self.parts):
            here = of_part == number
            places = wanted[here] - self.ends[number]
            numbers[here], categories[here] = part.numbers[places], part.categories[places]
        return numbers, categories
