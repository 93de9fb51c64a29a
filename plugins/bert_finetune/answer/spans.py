"""From the logits of a question's windows to its answers, with probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from plugins.bert_finetune.answer.windows import Window

CANDIDATES = 8  # spans kept of each window


class Span(NamedTuple):
    """Characters of the context, and the probability among all spans of the question and "no answer"."""

    start: int
    end: int
    probability: float


def best_spans(
    windows: Sequence[Window], logits: Sequence[np.ndarray], longest: int, may_be_none: bool
) -> tuple[list[Span], float]:
    """The likeliest spans, no two overlapping, best first; and the probability that there is no answer.

    The score of a span is the sum of its start's and its end's logit, that of no answer the least over the windows of
    the first token's (Devlin et al., 2019, §4.3); their softmax over all spans up to `longest` tokens is the probability.

    Args:
        logits: Of each window, (time, 2): start and end.
        may_be_none: Whether "no answer" takes part.
    """
    scores = [_span_scores(window, values, longest) for window, values in zip(windows, logits, strict=True)]
    none = min(float(values[0].sum()) for values in logits)
    top = max([float(each.max()) for each in scores] + ([none] if may_be_none else []))
    total = sum(float(np.exp(each - top).sum()) for each in scores) + (np.exp(none - top) if may_be_none else 0)
    found: list[Span] = []
    for window, each in zip(windows, scores, strict=True):
        flat = each.ravel()
        for place in np.argpartition(flat, -min(CANDIDATES, len(flat)))[-CANDIDATES:]:
            first, length = divmod(int(place), each.shape[1])
            if np.isfinite(flat[place]):
                probability = float(np.exp(flat[place] - top) / total)
                start, end = int(window.offsets[first, 0]), int(window.offsets[first + length, 1])
                found.append(Span(start, end, probability))
    return _apart(found), float(np.exp(none - top) / total) if may_be_none else 0.0


def _span_scores(window: Window, logits: np.ndarray, longest: int) -> np.ndarray:
    """Score of the span from token i over j more, (context, longest); -inf past the context's end."""
    inside = logits[window.first : window.first + len(window.offsets)].astype(np.float64)
    padded = np.concatenate([inside[:, 1], np.full(longest - 1, -np.inf)])
    return inside[:, :1] + np.lib.stride_tricks.sliding_window_view(padded, longest)


def _apart(found: list[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: -span.probability):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return kept
