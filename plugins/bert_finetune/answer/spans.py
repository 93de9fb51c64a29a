"""Decode the logits of a question's windows into answer spans with probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from plugins.bert_finetune.answer.windows import ContextWindow

CANDIDATES_PER_WINDOW = 8  # highest-scoring spans considered


class Span(NamedTuple):
    """Characters of the context, and the probability among all spans of the question and "no answer"."""

    start: int
    end: int
    probability: float


def best_spans(
    windows: Sequence[ContextWindow], logits: Sequence[np.ndarray], max_length: int, has_unanswerable: bool
) -> tuple[list[Span], float]:
    """Return the most probable non-overlapping spans, best first, and the probability of no answer.

    The score of a span is the sum of its start and end logits; the score of no answer is the minimum over the windows
    of the sum at [CLS] (Devlin et al., 2019, §4.3). Probabilities are the softmax over all spans up to `max_length`
    tokens.

    Args:
        logits: Start and end logits of each window, (time, 2).
        has_unanswerable: Whether "no answer" is one of the options.
    """
    scores = [_span_scores(window, values, max_length) for window, values in zip(windows, logits, strict=True)]
    no_answer = min(float(values[0].sum()) for values in logits)
    top = max([float(values.max()) for values in scores] + ([no_answer] if has_unanswerable else []))
    total = sum(float(np.exp(values - top).sum()) for values in scores) + (
        np.exp(no_answer - top) if has_unanswerable else 0
    )
    spans: list[Span] = []
    for window, values in zip(windows, scores, strict=True):
        flat = values.ravel()
        for index in np.argpartition(flat, -min(CANDIDATES_PER_WINDOW, len(flat)))[-CANDIDATES_PER_WINDOW:]:
            first, length = divmod(int(index), values.shape[1])
            if np.isfinite(flat[index]):
                probability = float(np.exp(flat[index] - top) / total)
                start, end = int(window.offsets[first, 0]), int(window.offsets[first + length, 1])
                spans.append(Span(start, end, probability))
    return _without_overlaps(spans), float(np.exp(no_answer - top) / total) if has_unanswerable else 0.0


def _span_scores(window: ContextWindow, logits: np.ndarray, max_length: int) -> np.ndarray:
    """Score of the span from token i to token i + j, (context, max_length); -inf past the end of the context."""
    inside = logits[window.first : window.first + len(window.offsets)].astype(np.float64)
    padded = np.concatenate([inside[:, 1], np.full(max_length - 1, -np.inf)])
    return inside[:, :1] + np.lib.stride_tricks.sliding_window_view(padded, max_length)


def _without_overlaps(spans: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: -span.probability):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return kept
