"""The rows of `classify` as the network reads them, if asked for with their words in another order each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts

Row = tuple[np.ndarray, np.ndarray | None, Any]
SPECIAL = -1  # the word of a special token
SECOND = 1 << 20  # the first word of a pair's second text
MOST_PIECES = 6  # a word, in the mean of a text: with more, what the tokenizer calls a word is a sentence


class TokenRows(Sequence):
    """Tokenized rows: (input_ids, token_type_ids or None, target), the ids as int32 arrays, (time,).

    With a probability of `shuffled` a row is given with its words in random order: the pieces of a word stay together, the texts
    of a pair apart, special tokens where they are. Where labels are few, a network soon knows each text by its order of words and
    learns no more from what is said (swapped words are one of the four operations of EDA: Wei & Zou, 2019, arXiv:1901.11196).
    """

    def __init__(
        self, rows: LabelledTexts, tokenizer: Any, max_length: int, targets: np.ndarray, shuffled: float = 0.0
    ):
        found = (
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
        self.ids = [np.asarray(ids, dtype=np.int32) for ids in found["input_ids"]]
        self.types = (
            [np.asarray(ids, dtype=np.int32) for ids in found["token_type_ids"]] if "token_type_ids" in found else None
        )
        self.targets, self.shuffled = targets, shuffled
        self.lengths = [len(ids) for ids in self.ids]
        special = tokenizer.all_special_ids
        self.words = [_words(found, row, ids, special) for row, ids in enumerate(self.ids)] if shuffled else []

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> Row:  # type: ignore[override]
        ids, types, target = self.plain(row)
        if self.shuffled and np.random.random() < self.shuffled:  # the loop seeds it by the step
            ids = ids[_order(self.words[row])]
        return ids, types, target

    def plain(self, row: int) -> Row:
        """The row with its words where they stand."""
        return self.ids[row], self.types[row] if self.types is not None else None, self.targets[row]


def _words(found: Any, row: int, ids: np.ndarray, special: list[int]) -> np.ndarray:
    """For each token a number of its word, unlike those of its neighbours, or `SPECIAL`; words of a second text begin at `SECOND`, (time,).

    A text that the tokenizer takes for hardly any words, as where no spaces are written, and any text of a tokenizer
    without words, has each token for one.
    """
    alone = np.isin(ids, special)
    if not found.is_fast:
        return np.where(alone, SPECIAL, np.arange(len(ids)) + SECOND * (np.cumsum(alone) > 1))
    words = np.asarray([SPECIAL if word is None else word for word in found.word_ids(row)])
    texts = np.asarray([text or 0 for text in found.sequence_ids(row)])
    for text in (0, 1):
        inside = (texts == text) & (words != SPECIAL)
        if inside.sum() > MOST_PIECES * len(np.unique(words[inside])):
            words[inside] = np.arange(inside.sum())
    return np.where(words == SPECIAL, SPECIAL, words + SECOND * texts)


def _order(words: np.ndarray) -> np.ndarray:
    """Where each token is taken from, (time,): words change places within their text, special tokens stay."""
    starts = np.flatnonzero(np.diff(words, prepend=SPECIAL - 1) | (words == SPECIAL))
    runs = np.split(np.arange(len(words)), starts[1:])
    texts = words[starts] // SECOND  # below 0: special tokens
    for text in (0, 1):
        places = np.flatnonzero(texts == text)
        for place, run in zip(places, [runs[at] for at in np.random.permutation(places)], strict=True):
            runs[place] = run
    return np.concatenate(runs)
