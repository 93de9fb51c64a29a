"""Training examples cut from a corpus: windows of its text, and the two segments that are drawn from each anew at every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from plugins.bert_finetune.pretrain.data import Corpus

SHORT = 0.1  # share of the windows
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
    """Every token of the corpus once, in windows of `size` tokens, so that nothing is padded.

    One window in ten is shorter, of any length, as in BERT: or no short text would look like what was learned.
    """

    def __init__(self, corpus: Corpus, size: int, seed: int = 0):
        self.corpus, random = corpus, np.random.default_rng([seed, 5])
        self.rows = np.asarray(list(_cuts(corpus, size, random)), dtype=np.int64).reshape(-1, 3)  # document, start, end

    @property
    def lengths(self) -> np.ndarray:
        return self.rows[:, 2] - self.rows[:, 1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Window:  # type: ignore[override]
        return Window(self.corpus, *map(int, self.rows[row]))


def _cuts(corpus: Corpus, size: int, random: np.random.Generator) -> Iterator[tuple[int, int, int]]:
    for document, (start, last) in enumerate(
        zip(corpus.documents[:-1].tolist(), corpus.documents[1:].tolist(), strict=True)
    ):
        while last - start >= LEAST:
            is_short = random.random() < SHORT and size > LEAST
            end = min(start + (int(random.integers(LEAST, size)) if is_short else size), last)
            yield document, start, end
            start = end


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
    own = corpus.documents[window.document : window.document + 2]
    first, after = (int(each) for each in np.searchsorted(corpus.sentences, own))
    others = len(corpus.sentences) - 1 - (after - first)
    for _ in range(TRIES if others else 0):
        sentence = int(rng.integers(0, others))
        at = int(corpus.sentences[sentence if sentence < first else sentence + after - first])
        document = int(np.searchsorted(corpus.documents, at, side="right")) - 1
        found = corpus.tokens[at : min(at + length, int(corpus.documents[document + 1]))]
        best = max(best, found, key=len)
        if len(best) == length:
            break
    return best if len(best) else corpus.tokens[window.start : window.start + length]  # there is no other document
