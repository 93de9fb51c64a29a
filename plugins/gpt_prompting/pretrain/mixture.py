"""MixtureDataset: rows of several data sets in fixed shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MIN_PLACEHOLDER_ROWS = 1024


class MixtureDataset(Sequence):
    """Text, dialogues and few-shot prompts in fixed shares of the rows; a data set that is too small for its share is
    repeated.

    Args:
        datasets: Rows and share of each; the shares of empty data sets go to the others.
    """

    def __init__(self, datasets: Sequence[tuple[Sequence, float]]):
        used = [(rows, share) for rows, share in datasets if len(rows) and share > 0]
        sum_of_shares = sum(share for _, share in used)
        # As many rows as it takes for each data set to be seen whole at its share.
        total = max((len(rows) * sum_of_shares / share for rows, share in used), default=0)
        self.counts = [(rows, round(total * share / sum_of_shares)) for rows, share in used]

    def __len__(self) -> int:
        return sum(count for _, count in self.counts)

    def __getitem__(self, row: int) -> Any:  # type: ignore[override]
        for rows, count in self.counts:
            if row < count:
                return rows[row % len(rows)]
            row -= count
        raise IndexError(row)


class PlaceholderRows(Sequence):
    """Rows that are None: a placeholder for a row that is sampled when its batch is collated."""

    def __init__(self, count: int = MIN_PLACEHOLDER_ROWS):
        self.rows = count

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> None:  # type: ignore[override]
        return None
