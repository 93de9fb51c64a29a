"""The rows of `classify` as the network reads them, if asked for with their words in another order each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts

Row = tuple[np.ndarray, np.ndarray | None, Any]
SPECIAL = -1  # the word of a special token


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
    """Number of the word that each token belongs to, (time,); a tokenizer without words has one for each token."""
    if not found.is_fast:
        return np.where(np.isin(ids, special), SPECIAL, np.arange(len(ids)))
    return np.asarray([SPECIAL if word is None else word for word in found.word_ids(row)])


def _order(words: np.ndarray) -> np.ndarray:
    """Where each token is taken from, (time,): words change places within what stands between two special tokens."""
    starts = np.flatnonzero(np.diff(words, prepend=SPECIAL - 1) | (words == SPECIAL))
    runs = np.split(np.arange(len(words)), starts[1:])
    special = words[starts] == SPECIAL
    texts = np.where(special, 0, np.cumsum(special))  # 0: special tokens
    for text in np.unique(texts[~special]):
        places = np.flatnonzero(texts == text)
        for place, run in zip(places, [runs[at] for at in np.random.permutation(places)], strict=True):
            runs[place] = run
    return np.concatenate(runs)
