"""Shares of the labels that the experiment compares."""

from __future__ import annotations

from collections.abc import Sequence

from training.errors import UserError


def parse_shares(text: str) -> list[float]:
    """Parse percentages such as "1, 5, 10" to shares in rising order.

    Raises:
        UserError: If one is not a number above 0 and up to 100.
    """
    try:
        percentages = sorted({float(number) for number in text.replace("%", " ").replace(",", " ").split()})
    except ValueError:
        percentages = []
    if not percentages or percentages[0] <= 0 or percentages[-1] > 100:
        expected = "percentages above 0 and up to 100 were expected, such as 1, 5, 10"
        raise UserError(f"shares: {text[:80]!r} was given; {expected}.")
    return [percentage / 100 for percentage in percentages]


def label_counts(shares: Sequence[float], rows: int, classes: int) -> list[int]:
    """Number of labels of each share, at least one per class, without repetition."""
    return sorted({min(rows, max(classes, round(share * rows))) for share in shares})
