"""Dialogues and instructions: read from a table, written as a transcript, with the places that are to be learned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from training.data.column_names import plain_name
from training.data.table import Table
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
TRANSCRIPT = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)  # for models without a chat template of their own: "User: …", "Assistant: …", the answer ended by the end of text


class Turn(NamedTuple):
    """Who said what; the names are those of `transformers`' chat templates."""

    role: str
    content: str


Dialogue = list[Turn]


def dialogue_columns(table: Table) -> tuple[str, ...] | None:
    """The column of turns, or those of prompt, response and further input; None where the table holds no dialogues."""
    known = {plain_name(name): name for name in reversed(table.names)}
    turns = next((known[name] for name in TURNS if name in known), None)
    if turns:
        return (turns,)
    prompt = next((known[name] for name in PROMPTS if name in known), None)
    response = next((known[name] for name in RESPONSES if name in known), None)
    if not (prompt and response):
        return None
    more = known.get("input") if plain_name(prompt) == "instruction" else None
    return (prompt, response, *([more] if more else []))


def read_dialogues(table: Table) -> list[Dialogue]:
    """All dialogues that have an answer.

    Raises:
        UserError: If there are no columns for it, or a row cannot be read; names the line.
    """
    columns = dialogue_columns(table)
    if columns is None:
        raise UserError(
            f"{table.source} has no dialogues: its columns are {', '.join(table.names)}. Expected turns (a list of role "
            "and content), or prompt and response."
        )
    rows = _of_turns(table, columns[0]) if len(columns) == 1 else _of_pairs(table, columns)
    return [rows for rows in rows if any(turn.role == "assistant" for turn in rows)]


def _of_turns(table: Table, column: str) -> Iterator[Dialogue]:
    for value, line in zip(table.column(column).to_pylist(), table.lines.tolist(), strict=True):
        if value is None or value == "":
            continue
        try:
            turns = json.loads(value) if isinstance(value, str) else value
            yield [_turn(turn, number) for number, turn in enumerate(turns)]
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise UserError(
                f"{table.source}, line {line}: '{column}' is no list of turns ({str(error)[:100]}). Expected "
                '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].'
            ) from None


def _turn(turn: Any, number: int) -> Turn:
    """A record, or a bare text: then user and assistant take turns."""
    if isinstance(turn, str):
        return Turn("assistant" if number % 2 else "user", clean_text(turn))
    role = next(turn[name] for name in SPEAKER if turn.get(name)) if any(turn.get(n) for n in SPEAKER) else ""
    if str(role).lower() not in ROLES:
        raise ValueError(f"a turn of {role or 'nobody'}; known are {', '.join(ROLES)}")
    said = next((turn[name] for name in CONTENT if isinstance(turn.get(name), str)), None)
    if said is None:
        raise ValueError(f"a turn without any of {', '.join(CONTENT)}")
    return Turn(ROLES[str(role).lower()], clean_text(said))


def _of_pairs(table: Table, columns: tuple[str, ...]) -> Iterator[Dialogue]:
    prompts, responses, *more = (table.strings(name) for name in columns)
    inputs = more[0] if more else [None] * len(prompts)
    for prompt, response, further in zip(prompts, responses, inputs, strict=True):
        if prompt and response:
            asked = f"{prompt}\n{further}" if further else prompt
            yield [Turn("user", clean_text(asked)), Turn("assistant", clean_text(response))]


def clean_text(text: str) -> str:
    """Without unpaired surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def render_dialogue(dialogue: Dialogue, tokenizer: Any) -> tuple[str, list[tuple[int, int]]]:
    """The transcript by the tokenizer's chat template, and where in it the answers are, their ends included."""
    if tokenizer.chat_template in (None, TRANSCRIPT):
        return _transcript(dialogue, tokenizer.bos_token or tokenizer.eos_token, tokenizer.eos_token)
    messages, spans = [turn._asdict() for turn in dialogue], []
    whole = tokenizer.apply_chat_template(messages, tokenize=False)
    for number, turn in enumerate(dialogue):
        if turn.role != "assistant":
            continue
        before = tokenizer.apply_chat_template(messages[:number], tokenize=False, add_generation_prompt=True)
        after = tokenizer.apply_chat_template(messages[: number + 1], tokenize=False)
        if whole.startswith(before) and whole.startswith(after):
            spans.append((len(before), len(after)))
        elif (start := whole.find(turn.content)) >= 0:  # a template that rewrites what went before
            spans.append((start, start + len(turn.content)))
    return whole, spans


def _transcript(dialogue: Dialogue, start: str, end: str) -> tuple[str, list[tuple[int, int]]]:
    """What `TRANSCRIPT` writes, without the time that Jinja takes."""
    text, spans = start, []
    for role, content in dialogue:
        text += f"{role.capitalize()}:"
        if role == "assistant":
            spans.append((len(text), len(text) + 1 + len(content) + len(end)))
        text += f" {content}{end if role == 'assistant' else ''}\n"
    return text, spans
