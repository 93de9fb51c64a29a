"""Tokenized corpus: documents end to end, cut into rows of fixed length without padding; every token is trained on once
per epoch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plugins.gpt_prompting.models.loading import start_token

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNLABELLED = -100  # target of a token that is not trained on
TOKENIZER_BATCH = 1000  # documents that the tokenizer's threads share
MIN_ROW_TOKENS = 2  # in a corpus' last row, which otherwise holds what is left


class Segment(NamedTuple):
    """Tokens that attend to each other and to nothing else.

    Args:
        ids: Inputs, int32, (time,).
        targets: The following token at each position, `UNLABELLED` where it is not trained on, int32, (time,).
        weights: Loss weight of each target, float32, (time,).
    """

    ids: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class TokenCorpus:
    """Documents end to end.

    Args:
        tokens: Inputs, int32, (tokens,); each document begins with the start-of-text token.
        targets: Following tokens, int32, (tokens,); that of a document's last token is the end-of-text token.
        starts: Where each document begins, and the end, int64, (documents + 1,).
        size_bytes: Of the texts in UTF-8.
    """

    tokens: np.ndarray
    targets: np.ndarray
    starts: np.ndarray
    size_bytes: int

    def __len__(self) -> int:
        return len(self.starts) - 1


def encode_texts(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> TokenCorpus:
    """Encode whole documents; every token is a target."""
    start, end = start_token(tokenizer), tokenizer.eos_token_id
    documents = [np.asarray([start, *ids, end], dtype=np.int32) for ids in encode(texts, tokenizer)]
    return _join([(ids[:-1], ids[1:]) for ids in documents], sum(len(text.encode()) for text in texts))


def encode_dialogues(
    transcripts: Sequence[tuple[str, list[tuple[int, int]]]], tokenizer: PreTrainedTokenizerBase
) -> TokenCorpus:
    """Encode transcripts of which only the answers are targets.

    Args:
        transcripts: Text, and start and end of each answer in it, as `dialogues.render_dialogue` returns them.
    """
    documents, size = [], 0
    for start in range(0, len(transcripts), TOKENIZER_BATCH):
        batch = transcripts[start : start + TOKENIZER_BATCH]
        texts = [text for text, _ in batch]
        encoding = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        for (text, spans), ids, offsets in zip(batch, encoding["input_ids"], encoding["offset_mapping"], strict=True):
            if len(ids) > 1:
                tokens = np.asarray(ids, dtype=np.int32)
                is_answer = _overlaps(np.asarray(offsets, dtype=np.int64), spans)
                documents.append((tokens[:-1], np.where(is_answer, tokens, UNLABELLED)[1:].astype(np.int32)))
                size += sum(len(text[a:b].encode()) for a, b in spans)
    return _join(documents, size)


def _overlaps(offsets: np.ndarray, spans: list[tuple[int, int]]) -> np.ndarray:
    """Which tokens overlap a span, (time,)."""
    overlaps = np.zeros(len(offsets), dtype=bool)
    for start, end in spans:
        overlaps |= (offsets[:, 1] > start) & (offsets[:, 0] < end) & (offsets[:, 1] > offsets[:, 0])
    return overlaps


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Encode texts without special tokens."""
    ids: list[list[int]] = []
    for start in range(0, len(texts), TOKENIZER_BATCH):
        ids += tokenizer(
            list(texts[start : start + TOKENIZER_BATCH]),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
    return ids


def _join(documents: list[tuple[np.ndarray, np.ndarray]], size_bytes: int) -> TokenCorpus:
    empty = np.zeros(0, dtype=np.int32)
    tokens, targets = (np.concatenate([document[side] for document in documents] or [empty]) for side in (0, 1))
    starts = np.concatenate([[0], np.cumsum([len(ids) for ids, _ in documents], dtype=np.int64)])
    return TokenCorpus(tokens, targets, starts.astype(np.int64), size_bytes)


class CorpusRows(Sequence[list[Segment]]):
    """The corpus in rows of `size` tokens, each a list of segments.

    Args:
        separate: Whether each document of a row is a segment of its own; otherwise the row is one segment.
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
            starts = self.corpus.starts[np.searchsorted(self.corpus.starts, start, side="right") :]
            cuts = np.concatenate([[start], starts[: np.searchsorted(starts, end)], [end]])
        return [self._segment(a, b) for a, b in itertools.pairwise(cuts)]

    def _segment(self, start: int, end: int) -> Segment:
        targets = self.corpus.targets[start:end]
        return Segment(self.corpus.tokens[start:end], targets, np.ones(len(targets), dtype=np.float32))
