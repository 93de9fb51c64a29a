"""A dialogue as plain text, for models without a chat template."""

from __future__ import annotations

from collections.abc import Sequence

NAMES = {"user": "User", "assistant": "Assistant"}
TURN_ENDS = tuple(f"\n{name}:" for name in NAMES.values())  # a model that goes on with the next turn is stopped there


def plain_transcript(messages: Sequence[dict[str, str]]) -> tuple[str, tuple[str, ...]]:
    """The text up to where the assistant's answer goes, and what ends that answer."""
    lines = [
        each["content"] if each["role"] == "system" else f"{NAMES[each['role']]}: {each['content']}"
        for each in messages
    ]
    return "\n".join([*lines, f"{NAMES['assistant']}:"]), TURN_ENDS
