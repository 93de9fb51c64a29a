"""A dialogue that fits: the system prompt stays, the oldest turns go, and which ones is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel, Message, Sampling
from plugins.gpt_prompting.prompting.generate import timed_stream
from training.errors import UserError

ROLES = ("system", "user", "assistant")
MIN_ANSWER_TOKENS = 16  # tokens that must be left


@dataclass(frozen=True)
class Dialogue:
    """Messages that the model gets.

    Args:
        dropped: Places (from 0) of the messages that did not fit.
        tokens: Of what is left, as the model counts; 0 where that is not known.
    """

    messages: list[Message]
    dropped: list[int]
    tokens: int


def check_messages(messages: Sequence[dict[str, Any]]) -> list[Message]:
    """Messages with a role and a content; the last one is the user's.

    Raises:
        UserError: If one has another form.
    """
    found: list[Message] = []
    for number, each in enumerate(messages, 1):
        role, content = each.get("role"), each.get("content")
        if role not in ROLES or not isinstance(content, str):
            raise UserError(f"Message {number}: a role ({', '.join(ROLES)}) and a text as content were expected.")
        if role == "system" and number > 1:
            raise UserError(f"Message {number} is a system prompt: only the first may be.")
        found.append({"role": role, "content": content})
    if not found or found[-1]["role"] != "user" or not found[-1]["content"].strip():
        raise UserError("The last message is the user's, and it is not empty: write something.")
    return found


def fit_dialogue(model: LanguageModel, messages: list[Message], new_tokens: int) -> Dialogue:
    """Drop the oldest turns until the rest and the answer fit.

    Raises:
        UserError: If not even the last message fits.
    """
    head = 1 if messages[0]["role"] == "system" else 0
    for start in range(head, len(messages)):
        kept = messages[:head] + messages[start:]
        if start > head and messages[start]["role"] != "user":
            continue
        tokens = model.count_chat(kept)
        last = start == len(messages) - 1
        room = min(new_tokens, MIN_ANSWER_TOKENS) if last else new_tokens
        if not model.context or tokens + room <= model.context:
            return Dialogue(kept, list(range(head, start)), tokens)
    raise UserError(
        f"The last message alone is longer than the {model.context:,} tokens that the model reads: shorten it."
    )


def chat(model: LanguageModel, messages: Sequence[dict[str, Any]], how: Sampling) -> Iterator[dict[str, Any]]:
    """Answer the last message; yields as `generate` does, with dropped_messages and template (whose turns mark)."""
    dialogue = fit_dialogue(model, check_messages(messages), how.new_tokens)
    about = {
        "dropped_messages": dialogue.dropped,
        "template": "the model's own" if model.has_template else "plain transcript",
    }
    for state in timed_stream(model.stream_chat(dialogue.messages, how), dialogue.tokens, model.context):
        yield state | about
