"""Rows of several kinds in fixed shares: one sequence, of which every step takes some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MIN_PLACEHOLDER_ROWS = 1024  # rows of a kind that is drawn and not stored


class MixtureDataset(Sequence):
    """Text, dialogues and prompts in their shares of the rows; what there is too little of comes again.

    Args:
        parts: Of each kind its rows and its share; shares of kinds without rows go to the others.
    """

    def __init__(self, parts: Sequence[tuple[Sequence, float]]):
        kept = [(rows, share) for rows, share in parts if len(rows) and share > 0]
        whole = sum(share for _, share in kept)
        total = max((len(rows) * whole / share for rows, share in kept), default=0)
        self.parts = [(rows, round(total * share / whole)) for rows, share in kept]

    def __len__(self) -> int:
        return sum(count for _, count in self.parts)

    def __getitem__(self, row: int) -> Any:  # type: ignore[override]
        for rows, count in self.parts:
            if row < count:
                return rows[row % len(rows)]
            row -= count
        raise IndexError(row)


class PlaceholderRows(Sequence):
    """So many rows that say only that one is to be drawn."""

    def __init__(self, count: int = MIN_PLACEHOLDER_ROWS):
        self.rows = count

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> None:  # type: ignore[override]
        return None
