"""Timed streaming of generated text: the answers so far, with token counts and speed, about 16 times per second."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from plugins.gpt_prompting.models.interface import Answer, LanguageModel, Sampling

YIELD_SECONDS = 0.06  # between states; a page cannot render much faster


def generate(model: LanguageModel, prompt: str, sampling: Sampling) -> Generator[dict[str, Any], None, None]:
    """Continue a prompt; yields as `timed_stream`, with the seed."""
    for state in timed_stream(model.stream(prompt, sampling), model.count(prompt), model.context):
        yield state | {"seed": sampling.seed}


def timed_stream(
    stream: Generator[list[Answer], None, None], prompt_tokens: int, context: int
) -> Generator[dict[str, Any], None, None]:
    """Yield states of a stream of answers, always including the first token and the end.

    Yields:
        text (of the first answer), answers (text, tokens, finished, note), prompt_tokens, context, new_tokens, seconds,
        first_token_seconds, tokens_per_second.
    """
    started, first_token, yielded = time.perf_counter(), 0.0, 0.0

    def state(answers: Sequence[Answer]) -> dict[str, Any]:
        seconds = time.perf_counter() - started
        new_tokens = sum(len(answer.tokens) for answer in answers)
        return {
            "text": answers[0].text if answers else "",
            "answers": [answer.record() for answer in answers],
            "prompt_tokens": prompt_tokens,
            "context": context,
            "new_tokens": new_tokens,
            "seconds": round(seconds, 3),
            "first_token_seconds": round(first_token, 4),
            "tokens_per_second": round(new_tokens / seconds, 1) if seconds else 0.0,
        }

    answers: list[Answer] = []
    with closing(stream):
        for answers in stream:
            now = time.perf_counter()
            first_token = first_token or now - started
            if now - yielded >= YIELD_SECONDS:
                yielded = now
                yield state(answers)
        yield state(answers)
