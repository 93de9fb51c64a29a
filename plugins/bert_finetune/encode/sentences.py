"""Sentences of a tokenized corpus as training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.bert_finetune.pretrain.corpus import TokenizedCorpus

MIN_TOKENS = 3  # of a sentence; shorter ones are mostly headings and remains of splitting


class CorpusSentences(Sequence[np.ndarray]):
    """Token ids of each sentence without special tokens, at most `size`; the first ones count."""

    def __init__(self, corpus: TokenizedCorpus, size: int):
        self.tokens, self.size = corpus.tokens, size
        starts = np.asarray(corpus.sentences)
        lengths = np.diff(starts)
        self.starts = starts[:-1][lengths >= MIN_TOKENS]
        self.lengths = np.minimum(lengths[lengths >= MIN_TOKENS], size)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override]
        start = int(self.starts[row])
        return np.asarray(self.tokens[start : start + int(self.lengths[row])], dtype=np.int64)
