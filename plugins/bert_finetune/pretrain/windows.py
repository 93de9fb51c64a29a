"""Training examples: fixed windows of the corpus, and segment pairs sampled from a window at each step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plugins.bert_finetune.pretrain.corpus import TokenizedCorpus
from training.data.array_files import ArrayWriter, map_array
from training.data.corpora import kept, key_of

VERSION = 1  # of the windows; raise it when the same corpus gives other ones
SHORT_WINDOW_SHARE = 0.1  # of the windows, as in BERT
MIN_WINDOW_TOKENS = 8  # a shorter remainder of a document is dropped
RANDOM_SEGMENT_TRIES = 10  # to sample a segment of another document that is long enough
IS_NEXT, IS_OTHER = 0, 1  # class ids of BERT's next sentence head


class CorpusWindow(NamedTuple):
    """A part of one document, `corpus.tokens[start:end]`."""

    corpus: TokenizedCorpus
    document: int
    start: int
    end: int


class CorpusWindows(Sequence[CorpusWindow]):
    """Cut the corpus into windows of `size` tokens, so that no padding is needed; each token is in one window.

    One window in ten has a random shorter length, as in BERT: otherwise the model would never see a short text.
    """

    def __init__(self, corpus: TokenizedCorpus, size: int, seed: int = 0):
        self.corpus = corpus
        self.rows = _rows(corpus, size, seed)  # document, start, end

    @property
    def lengths(self) -> np.ndarray:
        return self.rows[:, 2] - self.rows[:, 1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> CorpusWindow:  # type: ignore[override]
        return CorpusWindow(self.corpus, *map(int, self.rows[row]))


def _rows(corpus: TokenizedCorpus, size: int, seed: int) -> np.ndarray:
    """Document, start and end of each window, (windows, 3); of a corpus in files they are a file too."""

    def make(folder: Path) -> None:
        with ArrayWriter(folder, "windows", np.int64) as file:
            file.append(_cut_all(corpus, size, seed))

    if not corpus.key:
        return _cut_all(corpus, size, seed)
    key = key_of(version=VERSION, tokens=corpus.key, size=size, seed=seed)
    return kept("windows", key, make, lambda folder: map_array(folder, "windows").reshape(-1, 3))


def _cut_all(corpus: TokenizedCorpus, size: int, seed: int) -> np.ndarray:
    rows = itertools.chain.from_iterable(_cut(corpus, size, np.random.default_rng([seed, 5])))
    return np.fromiter(rows, dtype=np.int64).reshape(-1, 3)


def _cut(corpus: TokenizedCorpus, size: int, random: np.random.Generator) -> Iterator[tuple[int, int, int]]:
    """Document, start and end of each window."""
    for document, (start, last) in enumerate(itertools.pairwise(map(int, corpus.documents))):
        while last - start >= MIN_WINDOW_TOKENS:
            is_short = random.random() < SHORT_WINDOW_SHARE and size > MIN_WINDOW_TOKENS
            end = min(start + (int(random.integers(MIN_WINDOW_TOKENS, size)) if is_short else size), last)
            yield document, start, end
            start = end


def sample_segment_pair(
    window: CorpusWindow, objective: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """Sample two segments for nsp (Devlin et al., 2019, §3.1) or sop (Lan et al., 2020, §3.1).

    Differs from BERT: a random second segment has the length of the one it replaces, so the length is no cue.

    Returns:
        Token ids of both segments, and `IS_NEXT` or `IS_OTHER` with equal probability.
    """
    tokens, middle = window.corpus.tokens, _random_sentence_start(window, rng)
    first, second = tokens[window.start : middle], tokens[middle : window.end]
    if rng.random() < 0.5:
        return first, second, IS_NEXT
    if objective == "sop":
        return second, first, IS_OTHER
    return first, _random_segment(window, len(second), rng), IS_OTHER


def _random_sentence_start(window: CorpusWindow, rng: np.random.Generator) -> int:
    """Start of a random sentence inside the window; the middle of the window if no sentence starts in it."""
    starts = window.corpus.sentences
    low, high = np.searchsorted(starts, [window.start + 1, window.end])
    return int(starts[rng.integers(low, high)]) if high > low else (window.start + window.end) // 2


def _random_segment(window: CorpusWindow, length: int, rng: np.random.Generator) -> np.ndarray:
    """Sample `length` tokens of another document from the start of a sentence; the longest of several tries.

    Sentences are numbered without those of the window's own document, [first, after).
    """
    corpus, best = window.corpus, np.zeros(0, dtype=np.int32)
    own = corpus.documents[window.document : window.document + 2]
    first, after = (int(index) for index in np.searchsorted(corpus.sentences, own))
    others = len(corpus.sentences) - 1 - (after - first)
    for _ in range(RANDOM_SEGMENT_TRIES if others else 0):
        sentence = int(rng.integers(0, others))
        start = int(corpus.sentences[sentence if sentence < first else sentence + after - first])
        document = int(np.searchsorted(corpus.documents, start, side="right")) - 1
        segment = corpus.tokens[start : min(start + length, int(corpus.documents[document + 1]))]
        best = max(best, segment, key=len)
        if len(best) == length:
            break
    return best if len(best) else corpus.tokens[window.start : window.start + length]  # there is no other document
