"""Translation word by word, by a dictionary that is learned from the training pairs: the baseline of a network."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

ROUNDS = 5
MOST_PAIRS = 20_000  # the links of two sentences are as many as the product of their lengths
MOST_WORDS = 60  # of a sentence
WORD = re.compile(r"\w+")


def learn_dictionary(sources: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """Each source word's most probable translation, by expectation maximisation (model 1 of Brown et al., 1993, §4).

    Both sides in lower case on the source's, as written on the target's.
    """
    pairs = list(zip(sources, targets, strict=True))[:MOST_PAIRS]
    numbers: tuple[dict[str, int], dict[str, int]] = {}, {}
    links, owners, count = [], [], 0
    for source, target in pairs:
        ours, theirs = (
            np.array([known.setdefault(word, len(known)) for word in WORD.findall(text)[:MOST_WORDS]], np.int64)
            for known, text in zip(numbers, (source.lower(), target), strict=True)
        )
        links.append((ours[:, None] << 32 | theirs).ravel())  # of every word of one side with every word of the other
        owners.append(np.tile(np.arange(count, count + len(theirs)), len(ours)))
        count += len(theirs)
    if not links or not len(joined := np.concatenate(links)):
        return {}
    linked, which = np.unique(joined, return_inverse=True)
    first, second, owner = linked >> 32, linked & 0xFFFFFFFF, np.concatenate(owners)
    probabilities = np.ones(len(linked))
    for _ in range(ROUNDS):
        shares = probabilities[which]
        shares /= np.bincount(owner, shares)[owner]
        expected = np.bincount(which, shares)
        probabilities = expected / np.bincount(first, expected)[first]
    best = np.lexsort((probabilities, first))[np.append(np.flatnonzero(np.diff(first)), len(first) - 1)]
    words, translations = map(list, numbers)
    return {words[first[link]]: translations[second[link]] for link in best}


def translate(texts: Sequence[str], dictionary: dict[str, str]) -> list[str]:
    """Word by word in the order of the source; punctuation, and words that the dictionary lacks, stay as they are."""
    return [WORD.sub(lambda found: dictionary.get(found[0].lower(), found[0]), text) for text in texts]
