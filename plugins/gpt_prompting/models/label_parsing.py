"""Parse a label from a generated answer, for models that give no log-likelihoods of the labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

MIN_LABEL_PROBABILITY = 0.5  # of the first token; with less on all labels together, the answer's text decides


def parse_label(answer: str, labels: Mapping[str, str]) -> str:
    """Find the label whose words an answer is, starts with or contains.

    Args:
        answer: The generated text.
        labels: Label -> its words (verbalizer).

    Returns:
        The label that occurs first in the answer, of two at the same place the longer; empty if there is none.
    """
    text = answer.strip().strip("\"'`*.").casefold()
    verbalizers = {name: words.strip().casefold() for name, words in labels.items()}
    for name, words in verbalizers.items():
        if text == words:
            return name
    matches = [
        (match.start(), -len(words), name)
        for name, words in verbalizers.items()
        if (match := re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text))
    ]
    return min(matches)[2] if matches else ""


def first_token_probabilities(
    candidates: Sequence[tuple[str, float]], labels: Mapping[str, str]
) -> dict[str, float] | None:
    """Compute label probabilities from the most probable first tokens of an answer.

    Args:
        candidates: First tokens and their probabilities.
        labels: Label -> its words.

    Returns:
        Label -> probability, normalised; None if a token starts several labels, or less than `MIN_LABEL_PROBABILITY`
        lies on labels.
    """
    verbalizers = {name: words.strip().casefold() for name, words in labels.items()}
    mass = dict.fromkeys(labels, 0.0)
    for token, probability in candidates:
        start = token.strip().casefold()
        matching = [name for name, words in verbalizers.items() if start and words.startswith(start)]
        if len(matching) > 1:
            return None
        if matching:
            mass[matching[0]] += probability
    total = sum(mass.values())
    return {name: value / total for name, value in mass.items()} if total >= MIN_LABEL_PROBABILITY else None
