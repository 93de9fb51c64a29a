"""Dialogues and instructions: kept on disk, rendered by a chat template, with the character spans of the answers."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from plugins.gpt_prompting.models.plain_chat_template import TRANSCRIPT
from training.data.array_files import numbers_where, row_numbers
from training.data.arrow_texts import SpooledTexts


class Turn(NamedTuple):
    """A message: role and content as in transformers' chat templates, and whether an answer is trained on."""

    role: str
    content: str
    is_target: bool = True


Dialogue = list[Turn]


class Dialogues(Sequence[Dialogue]):
    """Dialogues kept as JSON, of which one at a time is made of Python's objects; many lie in a file without a name."""

    def __init__(self, dialogues: Iterable[Dialogue]):
        self._texts = SpooledTexts(json.dumps(dialogue, ensure_ascii=False) for dialogue in dialogues)
        self._rows = row_numbers(len(self._texts))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Dialogue:  # type: ignore[override] - one at a time
        return [Turn(*turn) for turn in json.loads(self._texts[int(self._rows[index])])]

    def select(self, chosen: np.ndarray) -> Dialogues:
        """Some of the dialogues; nothing is copied.

        Args:
            chosen: bool, (dialogues,).
        """
        selected = copy.copy(self)
        selected._rows = self._rows[numbers_where(chosen)]
        return selected


def clean_text(text: str) -> str:
    """Replace unpaired surrogates, which tokenizers refuse, and strip surrounding space."""
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def render_dialogue(dialogue: Dialogue, tokenizer: Any) -> tuple[str, list[tuple[int, int]]]:
    """Render a dialogue by the tokenizer's chat template.

    Returns:
        The text, and start and end of each answer in it, its end marker included.
    """
    if tokenizer.chat_template in (None, TRANSCRIPT):
        return _transcript(dialogue, tokenizer.bos_token or tokenizer.eos_token, tokenizer.eos_token)
    messages, spans = [{"role": turn.role, "content": turn.content} for turn in dialogue], []
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    # An answer is what a template adds between "the assistant's turn begins" and the dialogue with that turn.
    for number, turn in enumerate(dialogue):
        if turn.role != "assistant" or not turn.is_target:
            continue
        before = tokenizer.apply_chat_template(messages[:number], tokenize=False, add_generation_prompt=True)
        after = tokenizer.apply_chat_template(messages[: number + 1], tokenize=False)
        if text.startswith(before) and text.startswith(after):
            spans.append((len(before), len(after)))
        elif (start := text.find(turn.content)) >= 0:  # a template that renders earlier turns differently
            spans.append((start, start + len(turn.content)))
    return text, spans


def _transcript(dialogue: Dialogue, start: str, end: str) -> tuple[str, list[tuple[int, int]]]:
    """Render as `TRANSCRIPT` does; without Jinja, which takes most of the time."""
    text, spans = start, []
    for role, content, is_target in dialogue:
        text += f"{role.capitalize()}:"
        if role == "assistant" and is_target:
            spans.append((len(text), len(text) + 1 + len(content) + len(end)))
        text += f" {content}{end if role == 'assistant' else ''}\n"
    return text, spans
