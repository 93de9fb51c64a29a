"""A label read from a written answer, for models that give no probabilities of every label."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

MIN_LABEL_PROBABILITY = 0.5  # of the first token's probability must lie on labels, or it says nothing of them


def parse_label(said: str, labels: Mapping[str, str]) -> str:
    """The one label whose words an answer is, begins with or holds; of several, the first said, the longest there. Empty: none."""
    text = said.strip().strip("\"'`*.").casefold()
    words = {name: each.strip().casefold() for name, each in labels.items()}
    for name, each in words.items():
        if text == each:
            return name
    found = [
        (match.start(), -len(each), name)
        for name, each in words.items()
        if (match := re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text))
    ]
    return min(found)[2] if found else ""


def first_token_probabilities(
    rivals: Sequence[tuple[str, float]], labels: Mapping[str, str]
) -> dict[str, float] | None:
    """Label -> share, from the most probable first tokens: each counts for the one label that it begins.

    None where a token begins several labels, or less than half the probability lies on labels: then the answer's words decide.
    """
    words = {name: each.strip().casefold() for name, each in labels.items()}
    found = dict.fromkeys(labels, 0.0)
    for token, chance in rivals:
        start = token.strip().casefold()
        begun = [name for name, each in words.items() if start and each.startswith(start)]
        if len(begun) > 1:
            return None
        if begun:
            found[begun[0]] += chance
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total >= MIN_LABEL_PROBABILITY else None
