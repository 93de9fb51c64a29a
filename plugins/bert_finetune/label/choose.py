"""Which texts to label next: those that stand for most others, doubtful ones above all; never ten alike."""

from __future__ import annotations

import numpy as np

SHARPNESS = 3.0  # power of the doubt: of 1, 2 and 3 the best on Banking77
NEIGHBOUR = 20  # whose median distance says how near texts of these vectors are
NEARNESS = 0.5  # of that distance, at which a text stands for another by 1/e
CHUNK = 1024  # rows of a similarity matrix at once


def covering_rows(
    vectors: np.ndarray, candidates: np.ndarray, weights: np.ndarray, labelled: np.ndarray, count: int
) -> np.ndarray:
    """Choose texts that, with the labelled ones, stand for as much weight as possible (facility location).

    Greedy, as its objective is submodular (Wei, Iyer and Bilmes, 2015, section 3): a text is worth the weights of all
    candidates times what it adds to their similarity to the nearest chosen text. So it is typical of many, a text like
    it is worth little after it, and an outlier stands for itself alone. Similarity is exp(-distance / scale), the
    distance 1 - cosine.

    Args:
        vectors: Of length 1, (texts, width).
        candidates: Row numbers to choose from, a few thousand.
        weights: Of the candidates, such as their `doubt`.
        labelled: Row numbers that stand for others already.
        count: How many; fewer where there are fewer.

    Returns:
        Row numbers, the most useful first.
    """
    count = min(count, len(candidates))
    if not count:
        return candidates[:0]
    mine = vectors[candidates]
    distances = 1 - mine @ mine.T
    near = np.partition(distances, min(NEIGHBOUR, len(mine) - 1), axis=1)[:, min(NEIGHBOUR, len(mine) - 1)]
    scale = max(NEARNESS * float(np.median(near)), 1e-6)
    similarity = np.exp(distances / -scale, out=distances)  # (candidates, candidates)
    covered = np.zeros(len(mine), np.float32)
    for start in range(0, len(labelled), CHUNK):
        others = vectors[labelled[start : start + CHUNK]]
        covered = np.maximum(covered, np.exp((others @ mine.T - 1) / scale).max(0))
    return candidates[_greedy(similarity, weights.astype(np.float32), covered, count)]


def _greedy(similarity: np.ndarray, weights: np.ndarray, covered: np.ndarray, count: int) -> list[int]:
    """Places of the texts that add most, one after the other; a gain is computed again only where it may be the largest
    (Minoux, 1978)."""

    def gains(rows: slice | int) -> np.ndarray:
        return np.clip(similarity[rows] - covered, 0, None) @ weights

    bounds = np.concatenate([gains(slice(start, start + CHUNK)) for start in range(0, len(similarity), CHUNK)])
    chosen: list[int] = []
    while len(chosen) < count:
        best = int(bounds.argmax())
        bounds[best] = gains(best)
        if bounds[best] >= bounds.max():
            chosen.append(best)
            covered = np.maximum(covered, similarity[best])
            bounds[best] = -np.inf
    return chosen


def doubt(probabilities: np.ndarray) -> np.ndarray:
    """How close the two likeliest classes of each text are, from 0 to 1: (texts, classes) -> (texts,)."""
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return (1 - (two[:, 1] - two[:, 0])) ** SHARPNESS
