"""Vectors of words from their co-occurrence in the training texts, which compare short texts that share no word.

A small language model cuts rare words into pieces, whose embeddings know little of the words. A text is the sum of its
words' vectors, each weighted by a / (a + p(word)) (smooth inverse frequency: Arora et al., 2017, algorithm 1). Removed
is the mean of all words, weighted likewise (as in Mu & Viswanath, 2018), where Arora et al. remove the first principal
component of the texts: here are too few texts for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from training import files
from training.artifact.safetensors_io import read_tensors
from training.errors import UserError

FILE = "word_vectors.safetensors"
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+")
# 30,000 words and width 150 are no better on held-out tasks: docs/experiments/gpt_prompting.md#vectors-of-words
MAX_WORDS, WIDTH = 20_000, 100
MIN_COUNT = 8  # of a word: fewer contexts say little
MAX_CHARACTERS = 100_000_000  # that are counted
RARITY = 1e-3  # a of the weight


class WordVectors:
    """Embeds texts by their words.

    Args:
        words: In the order of their vectors.
        vectors: Weighted and without the common mean, (words, width).
    """

    def __init__(self, words: Sequence[str], vectors: np.ndarray):
        self.words, self.vectors = {word: row for row, word in enumerate(words)}, vectors

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> WordVectors | None:
        """Count the words of texts in which the neighbours of a word say what it means; None if too few recur."""
        from training.nn.cooccurrence import cooccurrence_vectors  # scipy, which prompting does without

        index: dict[str, int] = {}
        documents, characters = [], 0
        for text in texts:
            documents.append(np.asarray([index.setdefault(word, len(index)) for word in _split(text)], dtype=np.int32))
            characters += len(text)
            if characters > MAX_CHARACTERS:
                break
        tokens = np.concatenate([*documents, np.zeros(0, np.int32)])
        counts = np.bincount(tokens, minlength=len(index))
        frequent = np.argsort(-counts, kind="stable")[:MAX_WORDS]
        frequent = frequent[counts[frequent] >= MIN_COUNT]
        if len(frequent) < 2:
            return None
        rows = np.zeros(len(index), dtype=np.int32)  # 0: a rarer word
        rows[frequent] = np.arange(1, len(frequent) + 1)
        ends = np.cumsum([0, *map(len, documents)])
        vectors = cooccurrence_vectors(rows[tokens], ends, len(frequent) + 1, min(WIDTH, len(frequent)))[1:]
        shares = counts[frequent] / len(tokens)
        weights = (RARITY / (RARITY + shares))[:, None]
        common = (shares[:, None] * weights * vectors).sum(0) / (shares[:, None] * weights).sum()
        names = list(index)
        return cls([names[word] for word in frequent], weights * (vectors - common))

    @classmethod
    def load(cls, folder: Path) -> WordVectors | None:
        """Those of a folder of weights; None where it has none.

        Raises:
            UserError: If the file is damaged, or its words and vectors do not belong together.
        """
        if not (folder / FILE).is_file():
            return None
        tensor = read_tensors(folder, FILE).get("vectors")
        vectors = np.zeros(0) if tensor is None else tensor.float().numpy()
        words = files.safetensors_header(folder / FILE).get("__metadata__", {}).get("words", "").split("\n")
        if vectors.ndim != 2 or len(words) != len(vectors) or not np.isfinite(vectors).all():
            raise UserError(f"{FILE} has no vector for each of its words: train it again, or delete it.")
        return cls(words, vectors)

    def save(self, folder: Path) -> None:
        """Write them beside weights, in float16."""
        from safetensors.numpy import save_file

        save_file({"vectors": self.vectors.astype(np.float16)}, folder / FILE, {"words": "\n".join(self.words)})

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The sum of the vectors of each text's words, (texts, width); zeros for a text without a known word."""
        rows = [[self.words[word] for word in _split(text) if word in self.words] for text in texts]
        return np.stack([self.vectors[row].sum(0) for row in rows])


def _split(text: str) -> list[str]:
    return WORD.findall(text.lower().replace("’", "'"))
