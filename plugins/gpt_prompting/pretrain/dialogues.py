"""Dialogues and instructions: read from a table, rendered by a chat template, with the character spans of the
answers."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from plugins.gpt_prompting.models.plain_chat_template import TRANSCRIPT
from training.data.array_files import numbers_where, row_numbers
from training.data.arrow_texts import SpooledTexts
from training.data.column_names import plain_name
from training.data.table import ITERATED_ROWS, Table
from training.errors import UserError

TURNS = ("turns", "messages", "conversations", "conversation", "dialogue", "dialog")
PROMPTS = ("prompt", "instruction", "question", "input")
RESPONSES = ("response", "completion", "output", "answer", "chosen")
SPEAKER = ("role", "speaker", "from")
CONTENT = ("content", "text", "value", "utterance")
ROLES = {
    "user": "user", "human": "user", "prompter": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "agent": "assistant",
    "system": "system",
}  # fmt: skip


class Turn(NamedTuple):
    """A message; the fields are those of transformers' chat templates."""

    role: str
    content: str


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


def dialogue_columns(table: Table) -> tuple[str, ...] | None:
    """Find the column of turns, or the columns of prompt, response and optional input; None if the table holds no
    dialogues."""
    by_name = {plain_name(name): name for name in reversed(table.names)}
    turns = next((by_name[name] for name in TURNS if name in by_name), None)
    if turns:
        return (turns,)
    prompt = next((by_name[name] for name in PROMPTS if name in by_name), None)
    response = next((by_name[name] for name in RESPONSES if name in by_name), None)
    if not (prompt and response):
        return None
    extra = by_name.get("input") if plain_name(prompt) == "instruction" else None
    return (prompt, response, *([extra] if extra else []))


def read_dialogues(table: Table) -> Dialogues:
    """Read all dialogues that have an answer.

    Raises:
        UserError: If there are no such columns, or a row cannot be parsed; names the line.
    """
    columns = dialogue_columns(table)
    if columns is None:
        raise UserError(
            f"{table.source} has no dialogues: its columns are {', '.join(table.names)}. Expected turns (a list of "
            "role "
            "and content), or prompt and response."
        )
    rows = _of_turns(table, columns[0]) if len(columns) == 1 else _of_pairs(table, columns)
    return Dialogues(dialogue for dialogue in rows if any(turn.role == "assistant" for turn in dialogue))


def _of_turns(table: Table, column: str) -> Iterator[Dialogue]:
    for value, line in zip(_values(table.column(column)), table.lines, strict=True):
        if value is None or value == "":
            continue
        try:
            turns = json.loads(value) if isinstance(value, str) else value
            yield [_turn(turn, number) for number, turn in enumerate(turns)]
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise UserError(
                f"{table.source}, line {line}: '{column}' is not a list of turns ({str(error)[:100]}). Expected "
                '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].'
            ) from None


def _values(column: pa.ChunkedArray) -> Iterator[Any]:
    """The cells, of which only some are Python's at a time."""
    for start in range(0, len(column), ITERATED_ROWS):
        yield from column.slice(start, ITERATED_ROWS).to_pylist()


def _turn(turn: Any, number: int) -> Turn:
    """Parse a turn: a record, or a bare text, of which user and assistant take turns."""
    if isinstance(turn, str):
        return Turn("assistant" if number % 2 else "user", clean_text(turn))
    role = str(next((turn[name] for name in SPEAKER if turn.get(name)), "")).lower()
    if role not in ROLES:
        raise ValueError(f"a turn has the role {role!r}; known roles are {', '.join(ROLES)}")
    content = next((turn[name] for name in CONTENT if isinstance(turn.get(name), str)), None)
    if content is None:
        raise ValueError(f"a turn has none of {', '.join(CONTENT)}")
    return Turn(ROLES[role], clean_text(content))


def _of_pairs(table: Table, columns: tuple[str, ...]) -> Iterator[Dialogue]:
    prompts, responses, *extra = (table.iter_strings(name) for name in columns)
    inputs = extra[0] if extra else itertools.repeat(None, len(table))
    for prompt, response, given in zip(prompts, responses, inputs, strict=True):
        if prompt and response:
            message = f"{prompt}\n{given}" if given else prompt
            yield [Turn("user", clean_text(message)), Turn("assistant", clean_text(response))]


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
    messages, spans = [turn._asdict() for turn in dialogue], []
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    # An answer is what a template adds between "the assistant's turn begins" and the dialogue with that turn.
    for number, turn in enumerate(dialogue):
        if turn.role != "assistant":
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
    for role, content in dialogue:
        text += f"{role.capitalize()}:"
        if role == "assistant":
            spans.append((len(text), len(text) + 1 + len(content) + len(end)))
        text += f" {content}{end if role == 'assistant' else ''}\n"
    return text, spans
