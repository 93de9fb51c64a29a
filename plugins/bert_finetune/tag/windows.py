"""Split sentences of words into windows of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class WordWindow(NamedTuple):
    """A sentence, or a part of one that fits into the network.

    Args:
        ids: Token ids with special ones, int32, (time,).
        firsts: Positions of the first sub-word of each word in `ids`, (words,).
        start: Number of its first word in the sentence.
    """

    ids: np.ndarray
    firsts: np.ndarray
    start: int


def make_windows(sentences: Sequence[Sequence[str]], tokenizer: Any, max_length: int) -> list[list[WordWindow]]:
    """Tokenize sentences of words; a sentence that is too long becomes several windows, so that no word is lost.

    Returns:
        The windows of each sentence; a sentence without words has none.
    """
    before, after = _special_tokens(tokenizer)
    room = max_length - len(before) - len(after)
    subwords = _subwords([word for words in sentences for word in words], tokenizer, room)
    windows, start = [], 0
    for words in sentences:
        own = subwords[start : start + len(words)]
        windows.append([_window(group, before, after) for group in _groups(own, room)])
        start += len(words)
    return windows


def _special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Special tokens before and after a text."""
    inner = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    start = next(i for i in range(len(whole)) if whole[i : i + len(inner)] == inner)
    return whole[:start], whole[start + len(inner) :]


def _subwords(words: list[str], tokenizer: Any, room: int) -> list[list[int]]:
    """Token ids of each word, at most `room`; the unknown token for a word without any.

    Each word is tokenized after a space, as in the middle of a text: some vocabularies distinguish that.
    """
    if not words:
        return []
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    ids = tokenizer(
        [f" {word}" for word in numbers],
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    unknown = [tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.pad_token_id]
    return [(ids[numbers[word]] or unknown)[:room] for word in words]


def _groups(subwords: list[list[int]], room: int) -> list[tuple[int, list[list[int]]]]:
    """Fill windows greedily: number of the first word, and the sub-words of each word, per window."""
    groups: list[tuple[int, list[list[int]]]] = []
    used = room
    for number, word in enumerate(subwords):
        if used + len(word) > room:
            groups.append((number, []))
            used = 0
        groups[-1][1].append(word)
        used += len(word)
    return groups


def _window(group: tuple[int, list[list[int]]], before: list[int], after: list[int]) -> WordWindow:
    start, words = group
    ids = np.asarray([*before, *(token for word in words for token in word), *after], dtype=np.int32)
    ends = np.cumsum([len(word) for word in words])
    return WordWindow(ids, len(before) + np.concatenate([[0], ends[:-1]]), start)
