"""Tokenized texts, with word-order shuffling as data augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts

Row = tuple[np.ndarray, np.ndarray | None, Any]
SPECIAL_TOKEN = -1  # word number of a special token
SECOND_TEXT_OFFSET = 1 << 20  # added to the word numbers of a pair's second text
MAX_MEAN_SUBWORDS = 6  # sub-words per word, mean of a text; above it the "words" of the tokenizer are sentences


class TokenizedTexts(Sequence):
    """Tokenized rows: (input_ids, token_type_ids or None, target), the ids as int32 arrays, (time,).

    With probability `shuffle_probability` a row is returned with its words in random order: the sub-words of a word
    stay together, the texts of a pair apart, special tokens in place. With few labels a network memorises each text by
    its word order and stops learning from its content (swapped words are one of the four operations of EDA: Wei & Zou,
    2019, arXiv:1901.11196).
    """

    def __init__(
        self,
        rows: LabelledTexts,
        tokenizer: Any,
        max_length: int,
        targets: np.ndarray,
        shuffle_probability: float = 0.0,
    ):
        encoded = (
            tokenizer(
                rows.texts,
                rows.pairs,
                truncation=True,
                max_length=max_length,
                return_attention_mask=False,
                return_token_type_ids=rows.pairs is not None,
            )
            if len(rows)
            else {"input_ids": []}
        )
        self.ids = [np.asarray(ids, dtype=np.int32) for ids in encoded["input_ids"]]
        self.types = (
            [np.asarray(ids, dtype=np.int32) for ids in encoded["token_type_ids"]]
            if "token_type_ids" in encoded
            else None
        )
        self.targets, self.shuffle_probability = targets, shuffle_probability
        self.lengths = [len(ids) for ids in self.ids]
        special = tokenizer.all_special_ids
        self.words = (
            [_word_numbers(encoded, row, ids, special) for row, ids in enumerate(self.ids)]
            if shuffle_probability
            else []
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> Row:  # type: ignore[override]
        ids, types, target = self.plain(row)
        if self.shuffle_probability and np.random.random() < self.shuffle_probability:  # seeded per step by the loop
            ids = ids[_shuffled_order(self.words[row])]
        return ids, types, target

    def plain(self, row: int) -> Row:
        """Return the row with its words in their original order."""
        return self.ids[row], self.types[row] if self.types is not None else None, self.targets[row]


def _word_numbers(encoded: Any, row: int, ids: np.ndarray, special: list[int]) -> np.ndarray:
    """Word number of each token, (time,); those of a second text begin at `SECOND_TEXT_OFFSET`.

    Each token is its own word if the tokenizer is slow (it gives no words), or finds hardly any words in a text, as in
    languages written without spaces.
    """
    is_special = np.isin(ids, special)
    if not encoded.is_fast:
        return np.where(
            is_special, SPECIAL_TOKEN, np.arange(len(ids)) + SECOND_TEXT_OFFSET * (np.cumsum(is_special) > 1)
        )
    words = np.asarray([SPECIAL_TOKEN if word is None else word for word in encoded.word_ids(row)])
    texts = np.asarray([text or 0 for text in encoded.sequence_ids(row)])
    for text in (0, 1):
        inside = (texts == text) & (words != SPECIAL_TOKEN)
        if inside.sum() > MAX_MEAN_SUBWORDS * len(np.unique(words[inside])):
            words[inside] = np.arange(inside.sum())
    return np.where(words == SPECIAL_TOKEN, SPECIAL_TOKEN, words + SECOND_TEXT_OFFSET * texts)


def _shuffled_order(words: np.ndarray) -> np.ndarray:
    """Permutation of the tokens, (time,), that shuffles the words of each text; special tokens stay in place.

    The tokens are cut into runs: one per word, one per special token. The runs of each text are permuted among
    themselves, then concatenated.
    """
    starts = np.flatnonzero(np.diff(words, prepend=SPECIAL_TOKEN - 1) | (words == SPECIAL_TOKEN))
    runs = np.split(np.arange(len(words)), starts[1:])
    texts = words[starts] // SECOND_TEXT_OFFSET  # of each run: text 0 or 1; -1 for special tokens
    for text in (0, 1):
        own = np.flatnonzero(texts == text)
        for number, run in zip(own, [runs[other] for other in np.random.permutation(own)], strict=True):
            runs[number] = run
    return np.concatenate(runs)
