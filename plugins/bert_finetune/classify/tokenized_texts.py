"""Tokenized texts, and word-order shuffling as data augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPECIAL_TOKEN = -1  # word number of a special token
SECOND_TEXT_OFFSET = 1 << 20  # added to the word numbers of a pair's second text
MAX_MEAN_SUBWORDS = 6  # sub-words per word, mean of a text; above it the "words" of the tokenizer are sentences


class TokenizedRow(NamedTuple):
    """A tokenized text or pair.

    Args:
        ids: Token ids, int32, (time,).
        types: Segment ids, int32, (time,), or None.
        target: Class id, or 0 and 1 for each class, (classes,).
        words: Word number of each token, (time,), or None if they are not needed.
    """

    ids: np.ndarray
    types: np.ndarray | None
    target: Any
    words: np.ndarray | None = None


class TokenizedTexts(Sequence[TokenizedRow]):
    """Tokenized rows.

    Args:
        targets: Class ids, (rows,), or 0 and 1 for each class, (rows, classes).
        with_words: Whether to keep the word numbers, for `shuffle_words`.
    """

    def __init__(
        self,
        rows: LabelledTexts,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        targets: np.ndarray,
        with_words: bool = False,
    ):
        self.targets, self.ids, self.types, self.words = targets, [], None, None
        if len(rows):
            has_types = rows.pairs is not None
            encoded = tokenizer(
                rows.texts,
                rows.pairs,
                truncation=True,
                max_length=max_length,
                return_attention_mask=False,
                return_token_type_ids=has_types,
            )
            self.ids = [np.asarray(ids, dtype=np.int32) for ids in encoded["input_ids"]]
            if has_types:
                self.types = [np.asarray(ids, dtype=np.int32) for ids in encoded["token_type_ids"]]
            if with_words:
                special = tokenizer.all_special_ids
                self.words = [_word_numbers(encoded, row, ids, special) for row, ids in enumerate(self.ids)]
        self.lengths = [len(ids) for ids in self.ids]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> TokenizedRow:  # type: ignore[override]
        types = None if self.types is None else self.types[row]
        words = None if self.words is None else self.words[row]
        return TokenizedRow(self.ids[row], types, self.targets[row], words)


def shuffle_words(row: TokenizedRow, rng: np.random.Generator) -> TokenizedRow:
    """Shuffle the words of a row: sub-words stay together, the texts of a pair apart, special tokens in place.

    With few labels a network memorises each text by its word order and stops learning from its content (swapped words
    are one of the four operations of EDA: Wei & Zou, 2019, arXiv:1901.11196).
    """
    assert row.words is not None
    return row._replace(ids=row.ids[_shuffled_order(row.words, rng)])


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


def _shuffled_order(words: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permutation of the tokens, (time,), that shuffles the words of each text; special tokens stay in place.

    The tokens are cut into runs: one per word, one per special token. The runs of each text are permuted among
    themselves, then concatenated.
    """
    starts = np.flatnonzero(np.diff(words, prepend=SPECIAL_TOKEN - 1) | (words == SPECIAL_TOKEN))
    runs = np.split(np.arange(len(words)), starts[1:])
    texts = words[starts] // SECOND_TEXT_OFFSET  # of each run: text 0 or 1; -1 for special tokens
    for text in (0, 1):
        own = np.flatnonzero(texts == text)
        for number, run in zip(own, [runs[other] for other in rng.permutation(own)], strict=True):
            runs[number] = run
    return np.concatenate(runs)
