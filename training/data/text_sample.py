"""A sample of texts that is spread evenly over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def evenly(texts: Iterable[str], characters: int, most: int) -> Iterator[str]:
    """Yield evenly spaced texts that have about `most` characters together; all of them if they have no more.

    Args:
        characters: Of all texts.
    """
    share, taken, seen = min(1.0, most / max(1, characters)), 0, 0
    for text in texts:
        seen += len(text)
        if share == 1.0 or taken < seen * share:
            taken += len(text)
            yield text


def sample_title(characters: int, most: int) -> str:
    """Say of how much text a vocabulary was learned; empty if of all."""
    if characters <= most:
        return ""
    return f"The vocabulary is learned from {most / 1e6:,.0f} of {characters / 1e6:,.0f} million characters"
