"""Plain chat template ("User: …", "Assistant: …") for models that come without one."""

from __future__ import annotations

from collections.abc import Sequence

TRANSCRIPT = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)  # the Jinja template that pretrain trains with and saves: an answer ends with the end-of-text token
NAMES = {"user": "User", "assistant": "Assistant"}
TURN_ENDS = tuple(f"\n{name}:" for name in NAMES.values())  # stop strings: the model began the next turn


def plain_transcript(messages: Sequence[dict[str, str]]) -> str:
    """Write a dialogue up to where the assistant's answer begins."""
    lines = [
        message["content"] if message["role"] == "system" else f"{NAMES[message['role']]}: {message['content']}"
        for message in messages
    ]
    return "\n".join([*lines, f"{NAMES['assistant']}:"])
