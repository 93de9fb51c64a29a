"""Chat: fit a dialogue into the context by dropping the oldest turns, and answer its last message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel, Message, Sampling
from plugins.gpt_prompting.prompting.generate import timed_stream
from training.errors import UserError

ROLES = ("system", "user", "assistant")
MIN_ANSWER_TOKENS = 16  # room that must be left beside the last message alone


@dataclass(frozen=True)
class Dialogue:
    """Messages that fit into the context.

    Args:
        dropped: Indices (from 0) of the messages that did not fit.
        tokens: Of the messages that are left; 0 if unknown.
    """

    messages: list[Message]
    dropped: list[int]
    tokens: int


def check_messages(messages: Sequence[dict[str, Any]]) -> list[Message]:
    """Validate messages: a role and a text each, a system prompt first at most, the user's message last.

    Raises:
        UserError: If one has another form.
    """
    checked: list[Message] = []
    for number, message in enumerate(messages, 1):
        role, content = message.get("role"), message.get("content")
        if role not in ROLES or not isinstance(content, str):
            raise UserError(f"Message {number}: a role ({', '.join(ROLES)}) and a text as content were expected.")
        if role == "system" and number > 1:
            raise UserError(f"Message {number} is a system prompt: only the first message may be one.")
        checked.append({"role": role, "content": content})
    if not checked or checked[-1]["role"] != "user" or not checked[-1]["content"].strip():
        raise UserError("The last message must be the user's and not empty: write something.")
    return checked


def fit_dialogue(model: LanguageModel, messages: list[Message], new_tokens: int) -> Dialogue:
    """Drop the oldest turns until the rest and the answer fit; the system prompt stays.

    Raises:
        UserError: If not even the last message fits.
    """
    system = 1 if messages[0]["role"] == "system" else 0
    for start in range(system, len(messages)):
        if start > system and messages[start]["role"] != "user":
            continue
        remaining = messages[:system] + messages[start:]
        tokens = model.count_chat(remaining)
        is_last = start == len(messages) - 1
        room = min(new_tokens, MIN_ANSWER_TOKENS) if is_last else new_tokens
        if not model.context or tokens + room <= model.context:
            return Dialogue(remaining, list(range(system, start)), tokens)
    raise UserError(f"The last message alone is longer than the context of {model.context:,} tokens: shorten it.")


def chat(model: LanguageModel, messages: Sequence[dict[str, Any]], sampling: Sampling) -> Iterator[dict[str, Any]]:
    """Answer the last message; yields as `timed_stream`, with the seed, dropped_messages and template (which chat
    template was used)."""
    dialogue = fit_dialogue(model, check_messages(messages), sampling.new_tokens)
    about = {
        "dropped_messages": dialogue.dropped,
        "seed": sampling.seed,
        "template": "the model's own" if model.has_template else "plain transcript",
    }
    for state in timed_stream(model.stream_chat(dialogue.messages, sampling), dialogue.tokens, model.context):
        yield state | about
