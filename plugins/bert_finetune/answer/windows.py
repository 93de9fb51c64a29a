"""A question and a part of its context as one input: long contexts become overlapping parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from plugins.bert_finetune.answer.data import Question

AT_ONCE = 2000  # questions tokenized together


class Window(NamedTuple):
    """What the network reads at once.

    Args:
        ids: Token ids, int32, (time,).
        types: Segment of each token, int8, (time,); None for networks without segments.
        first: The context's first token; the window's special tokens before and after it are no context.
        offsets: Characters of the context at which each of its tokens begins and ends, int32, (context, 2).
        question: Number of its question.
    """

    ids: np.ndarray
    types: np.ndarray | None
    first: int
    offsets: np.ndarray
    question: int


def room_for_question(question_length: int, max_length: int) -> int:
    """Tokens of a question that are kept: at least half of a window is left for the context."""
    return min(question_length, max_length // 2)


def cut_question(text: str, tokenizer: Any, most: int) -> str:
    """The text up to its token number `most`."""
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return text if len(found["input_ids"]) <= most else text[: found["offset_mapping"][most - 1][1]]


def make_windows(
    questions: Sequence[Question], tokenizer: Any, max_length: int, stride: int, question_length: int
) -> list[Window]:
    """Tokenize questions with their contexts (Devlin et al., 2019, §4.2).

    Args:
        max_length: Tokens of a window.
        stride: Tokens that neighbouring windows of a context share.
        question_length: Tokens of a question that are kept.
    """
    most = room_for_question(question_length, max_length)
    has_types = "token_type_ids" in tokenizer.model_input_names
    out: list[Window] = []
    for at in range(0, len(questions), AT_ONCE):
        part = questions[at : at + AT_ONCE]
        found = tokenizer(
            [cut_question(one.question, tokenizer, most) for one in part],
            [one.context for one in part],
            truncation="only_second",
            max_length=max_length,
            stride=min(stride, (max_length - most) // 2),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=has_types,
            verbose=False,
        )
        for number, owner in enumerate(found["overflow_to_sample_mapping"]):
            segments = np.asarray([-1 if one is None else one for one in found.encodings[number].sequence_ids])
            inside = np.flatnonzero(segments == 1)
            if not len(inside):
                continue  # a context of spaces that the tokenizer drops
            offsets = np.asarray(found["offset_mapping"][number], dtype=np.int32)[inside[0] : inside[-1] + 1]
            types = np.asarray(found["token_type_ids"][number], dtype=np.int8) if has_types else None
            ids = np.asarray(found["input_ids"][number], dtype=np.int32)
            out.append(Window(ids, types, int(inside[0]), offsets, at + owner))
    return out


def target(window: Window, answers: Sequence[tuple[str, int]]) -> tuple[int, int]:
    """First and last token of the first answer; the first token of all where the window does not hold it whole."""
    if not answers:
        return 0, 0
    text, start = answers[0]
    starts, ends = window.offsets[:, 0], window.offsets[:, 1]
    if start < starts[0] or start + len(text) > ends[-1]:
        return 0, 0
    first = int(np.searchsorted(ends, start, side="right"))
    last = int(np.searchsorted(starts, start + len(text), side="left")) - 1
    return (window.first + first, window.first + last) if first <= last else (0, 0)
