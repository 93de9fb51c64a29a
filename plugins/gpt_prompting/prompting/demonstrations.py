"""Selection of demonstrations (few-shot examples): random, balanced by label, or nearest to the query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.labelled_rows import read_rows
from plugins.gpt_prompting.prompting.prompts import LABEL, Row
from training.errors import UserError

SELECTIONS = ("random", "balanced", "nearest", "nearest_words")
MAX_EMBEDDED_ROWS = 2000  # candidates for nearest, each of which has to pass through the model
QUERY_CHUNK = 256  # queries whose similarities to all rows are held at once


def select(rows: Sequence[Row], count: int, selection: str, seed: int) -> list[Row]:
    """Select `count` rows, the same for every query.

    Args:
        selection: random, or balanced: as even by label as possible, in random order.

    Raises:
        UserError: If there are fewer rows, or the selection is unknown.
    """
    if count > len(rows):
        raise UserError(f"{count} examples were asked for; there are {len(rows)} labelled rows.")
    random = np.random.default_rng([seed, 29])
    order = random.permutation(len(rows)).tolist()
    if selection == "balanced":
        order = _round_robin(rows, order)
    elif selection != "random":
        raise UserError(f"selection: {selection[:40]!r} was given; it may be: {', '.join(SELECTIONS)}.")
    selected = order[:count]
    return [rows[index] for index in random.permutation(selected).tolist()] if selected else []


def _round_robin(rows: Sequence[Row], order: list[int]) -> list[int]:
    """Reorder: first one row of every label, then a second one of every label, and so on."""
    seen: dict[str, int] = {}
    ranked = []
    for position, index in enumerate(order):
        label = rows[index][LABEL]
        ranked.append((seen.get(label, 0), position, index))
        seen[label] = seen.get(label, 0) + 1
    return [index for _, _, index in sorted(ranked)]


class NearestNeighbours:
    """The rows most similar to a query, in ascending order, so that the nearest stands next to it (KATE: Liu et al.,
    2022).

    Similarity is the cosine of mean-centred text embeddings; without an embedding, of TF-IDF over words and pairs of
    words.
    """

    def __init__(
        self, rows: Sequence[Row], fields: Sequence[str], embed: Callable[[Sequence[str]], np.ndarray] | None = None
    ):
        self.rows, self.fields, self.embed = rows, fields, embed
        texts = [self._text(row) for row in rows]
        if embed is None:
            self.tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+").fit(texts)
            self.vectors: Any = self.tfidf.transform(texts)
        else:
            vectors = embed(texts)
            self.mean = vectors.mean(0)
            self.vectors = _unit(vectors - self.mean)

    def __call__(self, queries: Sequence[Row], count: int) -> list[list[Row]]:
        """Return the `count` nearest rows of each query, without rows of the query's own text."""
        texts = [self._text(row) for row in queries]
        vectors: Any = self.tfidf.transform(texts) if self.embed is None else _unit(self.embed(texts) - self.mean)
        neighbours = []
        for start in range(0, len(texts), QUERY_CHUNK):
            similarity = vectors[start : start + QUERY_CHUNK] @ self.vectors.T  # (queries, rows)
            similarity = similarity.toarray() if self.embed is None else similarity
            for text, row in zip(texts[start : start + QUERY_CHUNK], similarity, strict=True):
                best = np.argsort(-row, kind="stable")[: count + 8]  # 8 more, since copies of the query are left out
                others = [index for index in best if self._text(self.rows[index]) != text]
                neighbours.append([self.rows[index] for index in others[:count][::-1]])
        return neighbours

    def _text(self, row: Row) -> str:
        return " ".join(str(row[name]) for name in self.fields)


def nearest_neighbours(
    rows: Sequence[Row], fields: Sequence[str], selection: str, model: LanguageModel
) -> NearestNeighbours:
    """Index rows by the model's embeddings (nearest, for a model that gives them), or by words (nearest_words)."""
    by_embedding = selection == "nearest" and model.has_embeddings
    return (
        NearestNeighbours(rows[:MAX_EMBEDDED_ROWS], fields, model.embed)
        if by_embedding
        else NearestNeighbours(rows, fields)
    )


def select_examples(file: Path, template: str, count: int, selection: str, seed: int, text: str) -> list[Row]:
    """Select demonstrations from a file; for nearest_words those nearest to the text.

    Raises:
        UserError: If the file cannot be read, or there is no text to be near to.
    """
    data = read_rows(file, template)
    if not selection.startswith("nearest"):
        return select(data.rows, count, selection, seed)
    if not text.strip():
        raise UserError("Nearest examples need a query: write the text to classify first.")
    fields = [name for name in data.columns if name != LABEL]
    return NearestNeighbours(data.rows, fields)([dict.fromkeys(fields, text)], count)[0]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
