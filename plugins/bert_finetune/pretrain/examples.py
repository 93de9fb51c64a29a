"""Training examples cut from a corpus: windows of its text, and the two segments that are drawn from each anew at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from plugins.bert_finetune.pretrain.corpus import Corpus

LEAST = 8  # tokens of a window; what is left of a document below that is dropped
TRIES = 10  # to find a random segment of another document that is long enough
IS_NEXT, IS_OTHER = 0, 1  # as BERT numbers them


class Window(NamedTuple):
    """A stretch of one document, `corpus.tokens[start:end]`."""

    corpus: Corpus
    document: int
    start: int
    end: int


class Windows(Sequence[Window]):
    """Every token of the corpus once, in windows of `size` tokens; only the end of a document is shorter: no padding to waste."""

    def __init__(self, corpus: Corpus, size: int):
        self.corpus, found = corpus, []
        for document, (start, end) in enumerate(zip(corpus.documents[:-1], corpus.documents[1:], strict=True)):
            starts = np.arange(start, end, size)
            ends = np.minimum(starts + size, end)
            found.append(np.stack([np.full(len(starts), document), starts, ends], 1)[ends - starts >= LEAST])
        self.rows = np.concatenate(found) if found else np.zeros((0, 3), dtype=np.int64)  # document, start, end

    @property
    def lengths(self) -> np.ndarray:
        return self.rows[:, 2] - self.rows[:, 1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Window:  # type: ignore[override]
        return Window(self.corpus, *map(int, self.rows[row]))


def draw_pair(window: Window, objective: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Two segments and whether the second follows the first (Devlin et al., 2019, §3.1; sop: Lan et al., 2020, §3.1).

    Differs from BERT in that a random second segment has the length of the one it replaces: the length tells nothing.

    Returns:
        Token ids of both, and `IS_NEXT` or `IS_OTHER`: half of each.
    """
    tokens, cut = window.corpus.tokens, _cut(window, rng)
    first, second = tokens[window.start : cut], tokens[cut : window.end]
    if rng.random() < 0.5:
        return first, second, IS_NEXT
    if objective == "sop":
        return second, first, IS_OTHER
    return first, _elsewhere(window, len(second), rng), IS_OTHER


def _cut(window: Window, rng: np.random.Generator) -> int:
    """Where a sentence begins inside the window, at random; its middle where none does."""
    starts = window.corpus.sentences
    low, high = np.searchsorted(starts, [window.start + 1, window.end])
    return int(starts[rng.integers(low, high)]) if high > low else (window.start + window.end) // 2


def _elsewhere(window: Window, length: int, rng: np.random.Generator) -> np.ndarray:
    """The beginning of a random sentence of another document and what follows it there, `length` tokens if there are so many."""
    corpus, best = window.corpus, np.zeros(0, dtype=np.int32)
    for _ in range(TRIES):
        at = int(corpus.sentences[rng.integers(0, len(corpus.sentences) - 1)])
        document = int(np.searchsorted(corpus.documents, at, side="right")) - 1
        if document == window.document:
            continue
        found = corpus.tokens[at : min(at + length, int(corpus.documents[document + 1]))]
        if len(found) == length:
            return found
        best = max(best, found, key=len)
    return best if len(best) else corpus.tokens[window.start : window.start + length]
