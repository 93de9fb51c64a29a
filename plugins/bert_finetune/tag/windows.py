"""Words: how a text is cut into them, and how they become windows of tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

WORD = re.compile(r"[@#]?\w+(?:[.'’&@/_-]\w+)*|\S")  # "U.S", "don't" and "@name" whole; other signs one by one


class Window(NamedTuple):
    """A part of a sentence that fits the network.

    Args:
        ids: Token ids with special ones, int32, (time,).
        firsts: Where the first piece of each of its words stands in `ids`, (words,).
        start: Number of its first word in the sentence.
    """

    ids: np.ndarray
    firsts: np.ndarray
    start: int


def split_words(text: str, cuts: Iterable[int] = ()) -> list[tuple[int, int]]:
    """Where the words of a text begin and end, in characters; a word is also cut at each of `cuts`."""
    inner, found = sorted(set(cuts)), []
    for match in WORD.finditer(text):
        start, end = match.span()
        edges = [start, *(cut for cut in inner if start < cut < end), end]
        found += pairwise(edges)
    return found


def windows(sentences: Sequence[Sequence[str]], tokenizer: Any, max_length: int) -> list[list[Window]]:
    """Tokenize sentences of words; one that is too long becomes several windows, so that no word is lost.

    Returns:
        For each sentence its windows; one without words has none.
    """
    before, after = _around(tokenizer)
    room = max_length - len(before) - len(after)
    pieces = _pieces([word for words in sentences for word in words], tokenizer, room)
    out, at = [], 0
    for words in sentences:
        out.append([_window(group, before, after) for group in _groups(pieces[at : at + len(words)], room)])
        at += len(words)
    return out


def _around(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text."""
    inner = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    start = next(i for i in range(len(whole)) if whole[i : i + len(inner)] == inner)
    return whole[:start], whole[start + len(inner) :]


def _pieces(words: list[str], tokenizer: Any, room: int) -> list[list[int]]:
    """The token ids of each word, at most `room`; one that the vocabulary cannot spell is the unknown token.

    Each is tokenized after a space, as in the middle of a text: to some vocabularies that is another word.
    """
    if not words:
        return []
    known = {word: number for number, word in enumerate(dict.fromkeys(words))}
    found = tokenizer([f" {word}" for word in known], add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False, verbose=False)["input_ids"]  # fmt: skip
    unknown = [tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.pad_token_id]
    return [(found[known[word]] or unknown)[:room] for word in words]


def _groups(pieces: list[list[int]], room: int) -> list[tuple[int, list[list[int]]]]:
    """Number of the first word, and the words, of each window."""
    groups: list[tuple[int, list[list[int]]]] = []
    used = room
    for number, word in enumerate(pieces):
        if used + len(word) > room:
            groups.append((number, []))
            used = 0
        groups[-1][1].append(word)
        used += len(word)
    return groups


def _window(group: tuple[int, list[list[int]]], before: list[int], after: list[int]) -> Window:
    start, words = group
    ids = np.asarray([*before, *(piece for word in words for piece in word), *after], dtype=np.int32)
    ends = np.cumsum([len(word) for word in words])
    return Window(ids, len(before) + np.concatenate([[0], ends[:-1]]), start)
