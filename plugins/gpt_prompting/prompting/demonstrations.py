"""Which labelled rows a prompt shows, and in what order: at random, balanced, or those nearest to the query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.gpt_prompting.prompting.prompts import LABEL, Row
from training.errors import UserError

SELECTIONS = ("random", "balanced", "nearest", "nearest_words")
MAX_EMBEDDED_ROWS = 2000  # rows that the nearest are sought among, where each has to pass through the model


def select(rows: Sequence[Row], count: int, how: str, seed: int) -> list[Row]:
    """`count` rows, the same for every query.

    Args:
        how: random, or balanced: as many of each label as can be, in a random order.

    Raises:
        UserError: If there are fewer rows, or the way is unknown.
    """
    if count > len(rows):
        raise UserError(f"{count} examples were asked for; there are {len(rows)} labelled rows.")
    random = np.random.default_rng([seed, 29])
    order = random.permutation(len(rows)).tolist()
    if how == "balanced":
        order = _label_by_label(rows, order)
    elif how != "random":
        raise UserError(f"examples: {how[:40]!r} was given; they are chosen: {', '.join(SELECTIONS)}.")
    chosen = order[:count]
    return [rows[at] for at in random.permutation(chosen).tolist()] if chosen else []


def _label_by_label(rows: Sequence[Row], order: list[int]) -> list[int]:
    """First one of every label, then a second one of every label, and so on."""
    rank: dict[str, int] = {}
    places = []
    for place, at in enumerate(order):
        label = rows[at][LABEL]
        places.append((rank.get(label, 0), place, at))
        rank[label] = rank.get(label, 0) + 1
    return [at for _, _, at in sorted(places)]


class NearestNeighbours:
    """The rows most like a query, the nearest last, next to it (Liu et al., 2022, KATE).

    Likeness is the cosine of vectors of the texts, less their mean; without a model that gives them, of TF-IDF of words and pairs
    of words.
    """

    def __init__(self, rows: Sequence[Row], fields: Sequence[str], embed: Any = None):
        self.rows, self.fields, self.embed = rows, fields, embed
        texts = [self._text(row) for row in rows]
        if embed is None:
            from sklearn.feature_extraction.text import TfidfVectorizer

            self.words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+").fit(texts)
            self.vectors: Any = self.words.transform(texts)
        else:
            vectors = embed(texts)
            self.mean = vectors.mean(0)
            self.vectors = _unit(vectors - self.mean)

    def __call__(self, queries: Sequence[Row], count: int) -> list[list[Row]]:
        """For each query its `count` nearest rows; a row that is the query itself is not shown to it."""
        texts = [self._text(row) for row in queries]
        asked: Any = self.words.transform(texts) if self.embed is None else _unit(self.embed(texts) - self.mean)
        found = []
        for start in range(0, len(texts), 256):
            likeness = asked[start : start + 256] @ self.vectors.T
            likeness = likeness.toarray() if self.embed is None else likeness
            for text, row in zip(texts[start : start + 256], likeness, strict=True):
                order = [at for at in np.argsort(-row, kind="stable")[: count + 8] if self._text(self.rows[at]) != text]
                found.append([self.rows[at] for at in order[:count][::-1]])
        return found

    def _text(self, row: Row) -> str:
        return " ".join(str(row[name]) for name in self.fields)


def nearest_neighbours(rows: Sequence[Row], fields: Sequence[str], how: str, model: Any) -> NearestNeighbours:
    """By the model's own vectors (nearest, where it gives them), or by words (nearest_words)."""
    embed = getattr(model, "embed", None) if how == "nearest" else None
    return NearestNeighbours(rows[:MAX_EMBEDDED_ROWS] if embed else rows, fields, embed)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
