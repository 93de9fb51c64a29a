"""Windows of question and context: long contexts become overlapping windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from plugins.bert_finetune.answer.data import QuestionExample

TOKENIZED_TOGETHER = 2000  # questions per call of the tokenizer


class ContextWindow(NamedTuple):
    """One input of the network: a question and a part of its context.

    Args:
        ids: Token ids, int32, (time,).
        types: Segment of each token, int8, (time,); None for networks without segments.
        first: Position of the context's first token.
        offsets: Start and end of each context token in the context, in characters, int32, (context, 2).
        question: Index of its question.
    """

    ids: np.ndarray
    types: np.ndarray | None
    first: int
    offsets: np.ndarray
    question: int


def max_question_tokens(max_question_length: int, max_length: int) -> int:
    """Tokens that a question may use: at most half of a window."""
    return min(max_question_length, max_length // 2)


def truncate_question(text: str, tokenizer: Any, max_tokens: int) -> str:
    """Return the text of the first `max_tokens` tokens."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    if len(encoded["input_ids"]) <= max_tokens:
        return text
    return text[: encoded["offset_mapping"][max_tokens - 1][1]]


def make_windows(
    questions: Sequence[QuestionExample], tokenizer: Any, max_length: int, stride: int, max_question_length: int
) -> list[ContextWindow]:
    """Tokenize questions with their contexts (Devlin et al., 2019, §4.2).

    Args:
        max_length: Tokens of a window.
        stride: Tokens that consecutive windows of a context share.
        max_question_length: Tokens of a question; longer questions are truncated.
    """
    max_tokens = max_question_tokens(max_question_length, max_length)
    has_types = "token_type_ids" in tokenizer.model_input_names
    windows: list[ContextWindow] = []
    for start in range(0, len(questions), TOKENIZED_TOGETHER):
        chunk = questions[start : start + TOKENIZED_TOGETHER]
        encoded = tokenizer(
            [truncate_question(example.question, tokenizer, max_tokens) for example in chunk],
            [example.context for example in chunk],
            truncation="only_second",
            max_length=max_length,
            stride=min(stride, (max_length - max_tokens) // 2),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=has_types,
            verbose=False,
        )
        for number, owner in enumerate(encoded["overflow_to_sample_mapping"]):
            segments = np.asarray([-1 if text is None else text for text in encoded.encodings[number].sequence_ids])
            inside = np.flatnonzero(segments == 1)
            if not len(inside):
                continue  # the tokenizer drops a context of spaces
            offsets = np.asarray(encoded["offset_mapping"][number], dtype=np.int32)[inside[0] : inside[-1] + 1]
            types = np.asarray(encoded["token_type_ids"][number], dtype=np.int8) if has_types else None
            ids = np.asarray(encoded["input_ids"][number], dtype=np.int32)
            windows.append(ContextWindow(ids, types, int(inside[0]), offsets, start + owner))
    return windows


def answer_span(window: ContextWindow, answers: Sequence[tuple[str, int]]) -> tuple[int, int]:
    """First and last token of the first answer; (0, 0), which is [CLS], if the window does not contain all of it."""
    if not answers:
        return 0, 0
    text, start = answers[0]
    starts, ends = window.offsets[:, 0], window.offsets[:, 1]
    if start < starts[0] or start + len(text) > ends[-1]:
        return 0, 0
    first = int(np.searchsorted(ends, start, side="right"))
    last = int(np.searchsorted(starts, start + len(text), side="left")) - 1
    return (window.first + first, window.first + last) if first <= last else (0, 0)
