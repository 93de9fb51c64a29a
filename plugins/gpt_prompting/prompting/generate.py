"""Continue a prompt while it is watched: what was written so far, how fast, and what else might have been said."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from plugins.gpt_prompting.models.interface import Answer, LanguageModel, Sampling

YIELD_SECONDS = 0.06  # seconds; a page cannot draw much faster


def generate(model: LanguageModel, prompt: str, how: Sampling) -> Iterator[dict[str, Any]]:
    """Yield what `watched` makes of the model's answers."""
    yield from timed_stream(model.stream(prompt, how), model.count(prompt), model.context)


def timed_stream(stream: Iterator[list[Answer]], prompt_tokens: int, context: int) -> Iterator[dict[str, Any]]:
    """Yield about 16 states a second, the first token and the last state always.

    Each has text (of the first answer), answers (text, tokens, finished, note), prompt_tokens, context, new_tokens, seconds,
    first_token_seconds, tokens_per_second.
    """
    started, first, shown = time.perf_counter(), 0.0, 0.0
    last: Sequence[Answer] = ()

    def state(answers: Sequence[Answer]) -> dict[str, Any]:
        seconds = time.perf_counter() - started
        written = sum(len(answer.tokens) for answer in answers)
        return {
            "text": answers[0].text if answers else "",
            "answers": [answer.record() for answer in answers],
            "prompt_tokens": prompt_tokens,
            "context": context,
            "new_tokens": written,
            "seconds": round(seconds, 3),
            "first_token_seconds": round(first, 4),
            "tokens_per_second": round(written / seconds, 1) if seconds else 0.0,
        }

    try:
        for last in stream:
            now = time.perf_counter()
            first = first or now - started
            if now - shown >= YIELD_SECONDS:
                shown = now
                yield state(last)
        yield state(last)
    finally:
        close = getattr(stream, "close", None)
        if close:
            close()
