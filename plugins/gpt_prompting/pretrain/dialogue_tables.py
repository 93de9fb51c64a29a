"""Dialogues and instructions from a table, in the columns that data sets of many programs have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from plugins.gpt_prompting.pretrain.dialogue_columns import UNREADABLE, DialogueColumns, Row, read_one
from plugins.gpt_prompting.pretrain.dialogue_messages import messages_reader
from plugins.gpt_prompting.pretrain.dialogue_turns import (
    SPEAKER,
    ToolCallError,
    are_turns,
    from_mapping,
    from_transcript,
    from_tree,
    is_mapping,
    parse_turns,
    parsed,
    turns_of,
)
from plugins.gpt_prompting.pretrain.dialogues import Dialogue, Dialogues, Turn
from training.data.column_names import plain_name
from training.data.table import Table
from training.errors import UserError
from training.preflight.sheet import Finding

TURNS = ("turns", "messages", "conversations", "conversation", "dialogue", "dialog", "contents")
PROMPTS = ("prompt", "instruction", "question", "input")
RESPONSES = ("response", "completion", "output", "answer", "chosen")
PROMPTS_OF_TEXTS = (*PROMPTS, "query", "problem", "inputs", "user", "human")  # names that many other columns have
RESPONSES_OF_TEXTS = (*RESPONSES, "solution", "targets", "assistant", "bot", "reply")
INPUTS = ("input", "context", "passage")  # beside an instruction or a question
SYSTEM, HISTORY, REJECTED = ("system", "systemprompt", "systemmessage"), "history", "rejected"


def holds_dialogues(table: Table) -> bool:
    """Whether a table has columns of dialogues."""
    return _reader(DialogueColumns(table)) is not None


def read_dialogues(table: Table) -> tuple[Dialogues, list[Finding]]:
    """Read all dialogues that have an answer to train on, and what was left out.

    Raises:
        UserError: If there are no such columns, or a row cannot be parsed; names the line.
    """
    columns = DialogueColumns(table)
    reader = _reader(columns)
    if reader is None:
        raise UserError(
            f"{table.source} has no dialogues: its columns are {', '.join(table.names)}. Expected turns (a list of "
            "role and content), or prompt and response."
        )
    dialogues = Dialogues(dialogue for dialogue in reader() if _has_answer(dialogue))
    return dialogues, [Finding("amber", f"{count:,} {reason}") for reason, count in columns.left_out.items()]


def _has_answer(dialogue: Dialogue) -> bool:
    return any(turn.role == "assistant" and turn.is_target for turn in dialogue)


def _reader(columns: DialogueColumns) -> Callable[[], Iterator[Dialogue]] | None:
    """What reads the table's dialogues: by the column of turns, of prompts and answers, or of one message per row."""
    types = {name: values.type for name, values in columns.table.columns.items()}
    turns, prompt = columns.of(TURNS), columns.of(PROMPTS)
    pair, chosen = _pair(columns), columns.by_name.get("chosen", "")
    if turns and _holds_turns(columns, turns):
        return lambda: _each(columns, turns, lambda row: [] if row[turns] in (None, "") else parse_turns(row[turns]))
    if "mapping" in columns.by_name and _holds(columns, columns.by_name["mapping"], is_mapping):
        name, last = columns.by_name["mapping"], columns.of(("currentnode",))
        return lambda: _each(columns, name, lambda row: from_mapping(parsed(row[name] or "{}"), row.get(last)))
    if prompt and pa.types.is_struct(types[prompt]) and types[prompt].get_field_index("replies") >= 0:
        return lambda: _each(columns, prompt, lambda row: from_tree(row[prompt] or {}))
    if pair:
        return lambda: _each(columns, pair[0], _pair_reader(columns, *pair))
    if chosen and REJECTED in columns.by_name:
        return lambda: _each(columns, chosen, lambda row: _of_chosen(row[chosen]))
    return messages_reader(columns)


def _holds_turns(columns: DialogueColumns, name: str) -> bool:
    """Whether a column with such a name is one of turns, rather than of texts (contents) or ids beside a speaker."""
    if plain_name(name) == "contents":
        return _holds(columns, name, are_turns)
    return not columns.of(SPEAKER) or _holds(columns, name, _is_list)


def _pair(columns: DialogueColumns) -> tuple[str, str] | None:
    """The columns of prompts and answers; by a name that says less, only where both hold texts and none is `text`."""
    prompt, response = columns.of(PROMPTS), columns.of(RESPONSES)
    if prompt and response:
        return prompt, response
    prompt, response = columns.of(PROMPTS_OF_TEXTS), columns.of(RESPONSES_OF_TEXTS)
    if not (prompt and response) or "text" in columns.by_name:
        return None
    return (prompt, response) if all(_holds(columns, name, _is_worded) for name in (prompt, response)) else None


def _is_worded(cell: Any) -> bool:
    """Whether a cell is a text with letters, or a list of turns or texts."""
    if isinstance(cell, list) and all(isinstance(item, str) for item in cell):
        cell = ", ".join(cell)
    return are_turns(cell) or (isinstance(cell, str) and any(map(str.isalpha, cell)))


def _holds(columns: DialogueColumns, name: str, is_kind: Callable[[Any], bool]) -> bool:
    """Whether any of a column's first cells is of that kind."""
    return any(map(is_kind, columns.table.columns[name].slice(0, 100).drop_null().to_pylist()))


def _is_list(cell: Any) -> bool:
    """Whether a cell is a list, or the text of one, rather than an id."""
    return isinstance(cell, list) or str(cell).lstrip().startswith("[")


def _each(columns: DialogueColumns, name: str, read: Callable[[Row], Dialogue]) -> Iterator[Dialogue]:
    """Every row's dialogue with the table's system prompt, where it has one."""
    system = columns.of(SYSTEM, (name,))
    for line, row in columns.rows():
        dialogue = read_one(columns, name, line, lambda row=row: read(row))
        if system and isinstance(row[system], str) and dialogue and dialogue[0].role != "system":
            dialogue = [*turns_of(row[system], "system"), *dialogue]
        yield dialogue


def _pair_reader(columns: DialogueColumns, prompt: str, response: str) -> Callable[[Row], Dialogue]:
    """Read a prompt with its inputs and history, and the answer; none where the row says that it is a bad one."""
    used = (prompt, response)
    names = [columns.by_name[name] for name in INPUTS if columns.by_name.get(name, prompt) not in used]
    columns.spell(prompt, response)
    inputs = columns.spell(*names) if plain_name(prompt) in ("instruction", "question", "query", "prompt") else []
    history = columns.by_name.get(HISTORY, "")
    label = columns.by_name.get("label", "")
    is_judged = bool(label) and pa.types.is_boolean(columns.table.columns[label].type)

    def read(row: Row) -> Dialogue:
        if is_judged and row[label] is False:
            columns.left_out["answers left out: their label is false, they are no good ones"] += 1
            return []
        answer = turns_of(row[response], "assistant")
        question = turns_of(row[prompt], "user")
        if not (answer and question):
            return []
        if answer[0].role != "assistant":  # the whole dialogue stands beside its prompt
            return answer
        given = [text.strip() for name in inputs if (text := row[name]) and text.strip()]
        question[-1] = question[-1]._replace(content="\n".join([question[-1].content, *given]))
        return [*(_of_history(columns, row[history]) if history else []), *question, *answer]

    return read


def _of_history(columns: DialogueColumns, value: Any) -> Dialogue:
    """Earlier turns; those that cannot be read are left out and counted."""
    try:
        return _history(value)
    except ToolCallError:
        raise
    except UNREADABLE:
        columns.left_out[f"cells of '{HISTORY}' left out: they hold no pairs of prompt and answer, and no turns"] += 1
        return []


def _history(value: Any) -> Dialogue:
    """Earlier pairs of prompt and answer."""
    value = [] if value is None or (isinstance(value, str) and not value.strip()) else parsed(value)
    is_list = isinstance(value, list | tuple) and bool(value)
    if is_list and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        return [Turn(role, str(text)) for pair in value for role, text in zip(("user", "assistant"), pair, strict=True)]
    return parse_turns(value)


def _of_chosen(value: Any) -> Dialogue:
    """The better one of two dialogues: turns, or a transcript."""
    return from_transcript(value) if isinstance(value, str) else turns_of(value, "assistant")
