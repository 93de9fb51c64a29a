"""Tokenized documents end to end, and the rows that training cuts from them: every token once, nothing padded."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

UNLABELLED = -100
TOKENIZER_BATCH = 1000  # documents: what the tokenizer's threads share
MIN_ROW_TOKENS = 2  # tokens of a piece of a document: one alone teaches hardly anything


class Segment(NamedTuple):
    """Tokens that see each other, and nothing else.

    Args:
        ids: What is read, int32, (time,).
        targets: What follows each token, `UNLABELLED` where that is not to be learned, int32, (time,).
        weights: Of each target in the loss, float32, (time,).
    """

    ids: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class TokenCorpus:
    """Documents end to end.

    Args:
        tokens: What is read, int32, (tokens,); each document begins with the start-of-text token.
        targets: What follows, int32, (tokens,); the last of a document is followed by the end-of-text token.
        starts: Where each document begins, and the end, int64, (documents + 1,).
        size_bytes: Of the texts in UTF-8.
    """

    tokens: np.ndarray
    targets: np.ndarray
    starts: np.ndarray
    size_bytes: int

    def __len__(self) -> int:
        return len(self.starts) - 1


def start_token(tokenizer: Any) -> int:
    """Begins a text: the tokenizer's own, or what ends the text before."""
    return tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id


def encode_texts(texts: Sequence[str], tokenizer: Any) -> TokenCorpus:
    """Whole documents, every token of them to be learned."""
    start, end = start_token(tokenizer), tokenizer.eos_token_id
    parts = [np.asarray([start, *ids, end], dtype=np.int32) for ids in encode(texts, tokenizer)]
    return _join([(ids[:-1], ids[1:]) for ids in parts], sum(len(text.encode()) for text in texts))


def encode_dialogues(written: Sequence[tuple[str, list[tuple[int, int]]]], tokenizer: Any) -> TokenCorpus:
    """Transcripts of which only the answers are to be learned.

    Args:
        written: Each with the places of its answers, as `dialogues.write` gives them.
    """
    parts, size = [], 0
    for start in range(0, len(written), TOKENIZER_BATCH):
        some = written[start : start + TOKENIZER_BATCH]
        found = tokenizer([text for text, _ in some], add_special_tokens=False, return_offsets_mapping=True, verbose=False)  # fmt: skip
        for (text, spans), ids, offsets in zip(some, found["input_ids"], found["offset_mapping"], strict=True):
            if len(ids) > 1:
                tokens = np.asarray(ids, dtype=np.int32)
                learned = _inside(np.asarray(offsets, dtype=np.int64), spans)
                parts.append((tokens[:-1], np.where(learned, tokens, UNLABELLED)[1:].astype(np.int32)))
                size += sum(len(text[a:b].encode()) for a, b in spans)
    return _join(parts, size)


def _inside(offsets: np.ndarray, spans: list[tuple[int, int]]) -> np.ndarray:
    """Which tokens touch a span, (time,)."""
    inside = np.zeros(len(offsets), dtype=bool)
    for start, end in spans:
        inside |= (offsets[:, 1] > start) & (offsets[:, 0] < end) & (offsets[:, 1] > offsets[:, 0])
    return inside


def encode(texts: Sequence[str], tokenizer: Any) -> list[list[int]]:
    """Token ids of each text, without special ones."""
    found: list[list[int]] = []
    for start in range(0, len(texts), TOKENIZER_BATCH):
        found += tokenizer(
            list(texts[start : start + TOKENIZER_BATCH]), add_special_tokens=False, return_attention_mask=False,
            return_token_type_ids=False, verbose=False,
        )["input_ids"]  # fmt: skip
    return found


def _join(parts: list[tuple[np.ndarray, np.ndarray]], size_bytes: int) -> TokenCorpus:
    none = np.zeros(0, dtype=np.int32)
    tokens, targets = (np.concatenate([part[side] for part in parts] or [none]) for side in (0, 1))
    starts = np.concatenate([[0], np.cumsum([len(ids) for ids, _ in parts], dtype=np.int64)])
    return TokenCorpus(tokens, targets, starts.astype(np.int64), size_bytes)


class CorpusRows(Sequence[list[Segment]]):
    """The corpus in rows of `size` tokens.

    Args:
        separate: Whether each document of a row is a segment of its own, or the row is one.
    """

    def __init__(self, corpus: TokenCorpus, size: int, separate: bool):
        self.corpus, self.size, self.separate = corpus, size, separate
        count = -(-len(corpus.tokens) // size)
        self.bounds = np.minimum(np.arange(count + 1) * size, len(corpus.tokens))
        if count > 1 and self.bounds[-1] - self.bounds[-2] < MIN_ROW_TOKENS:
            self.bounds = self.bounds[:-1]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, row: int) -> list[Segment]:  # type: ignore[override]
        start, end = self.bounds[row], self.bounds[row + 1]
        cuts = np.asarray([start, end])
        if self.separate:
            inner = self.corpus.starts[np.searchsorted(self.corpus.starts, start, side="right") :]
            cuts = np.concatenate([[start], inner[: np.searchsorted(inner, end)], [end]])
        return [self._segment(a, b) for a, b in itertools.pairwise(cuts)]

    def _segment(self, start: int, end: int) -> Segment:
        targets = self.corpus.targets[start:end]
        return Segment(self.corpus.tokens[start:end], targets, np.ones(len(targets), dtype=np.float32))
