"""Whether an evaluation file translates in the direction of the training file, told by the letters of both."""

from __future__ import annotations

from collections.abc import Sequence

from training.preflight.sheet import Finding

MAX_TEXTS = 2000  # per side
MIN_PAIRS = 3
MIN_DIFFERENCE = 0.15  # by which the other side has more of the trigrams, on both sides
Sides = tuple[Sequence[str], Sequence[str]]  # sources and targets


def check_direction(train: Sides, evaluation: Sides, name: str) -> list[Finding]:
    """Report an evaluation file whose sources look like the training targets, and whose targets like its sources.

    Columns of the same names may hold the other language (files without a header), and two parallel files may be
    given the wrong way round. The score would then say nothing, and the weights would be chosen by it.

    Args:
        name: Name of the evaluation file.
    """
    if len(evaluation[0]) < MIN_PAIRS:
        return []
    sources, targets = (_trigrams(side) for side in train)
    for own, other, texts in ((sources, targets, evaluation[0]), (targets, sources, evaluation[1])):
        if _share(texts, other) - _share(texts, own) < MIN_DIFFERENCE:
            return []
    title = f"{name}: its sources look like the translations of the training file, and the other way round"
    return [Finding("red", title, "Exchange its two columns (or its two files), or name them as in the training file.")]


def _share(texts: Sequence[str], known: set[str]) -> float:
    """Share of the texts' character trigrams that are known."""
    trigrams = _trigrams(texts)
    return len(trigrams & known) / max(1, len(trigrams))


def _trigrams(texts: Sequence[str]) -> set[str]:
    padded = (f" {text.casefold()} " for text in texts[:MAX_TEXTS])
    return {text[start : start + 3] for text in padded for start in range(len(text) - 2)}
