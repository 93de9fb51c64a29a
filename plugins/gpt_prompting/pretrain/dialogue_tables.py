"""Dialogues and instructions from a table, in the columns that data sets of many programs have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from plugins.gpt_prompting.pretrain.dialogue_turns import (
    CONTENT,
    LINE,
    ROLES,
    SPEAKER,
    TOOLS,
    ToolCallError,
    are_turns,
    as_trees,
    from_mapping,
    from_transcript,
    from_tree,
    is_empty,
    is_mapping,
    parse_turns,
    parsed,
    role_of,
    turns_of,
)
from plugins.gpt_prompting.pretrain.dialogues import Dialogue, Dialogues, Turn
from training.data.arrow import is_binary
from training.data.column_names import plain_name
from training.data.table import ITERATED_ROWS, Table
from training.errors import UserError
from training.preflight.sheet import Finding

TURNS = ("turns", "messages", "conversations", "conversation", "dialogue", "dialog", "contents")
PROMPTS = ("prompt", "instruction", "question", "input")
RESPONSES = ("response", "completion", "output", "answer", "chosen")
PROMPTS_OF_TEXTS = (*PROMPTS, "query", "problem", "inputs", "user", "human")  # names that many other columns have
RESPONSES_OF_TEXTS = (*RESPONSES, "solution", "targets", "assistant", "bot", "reply")
INPUTS = ("input", "context", "passage")  # beside an instruction or a question
SYSTEM, HISTORY, REJECTED = ("system", "systemprompt", "systemmessage"), "history", "rejected"
DIALOGUE_IDS = ("conversationid", "dialogueid", "dialogid", "chatid", "threadid", "sessionid", "conversation",
                "dialogue", "dialog", "thread", "session", "chat", "convid", "messagetreeid")  # fmt: skip
MESSAGE_ID, PARENT_ID = ("messageid", "id"), ("parentid", "parentmessageid")
EXPECTED = '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'
EMPTY = "messages left out: they are empty"
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, RecursionError)  # of cells that hold something else
Row = Mapping[str, Any]


@dataclass
class _Columns:
    """A table's columns by the first of several names that it has."""

    table: Table
    left_out: Counter[str] = field(default_factory=Counter)  # dialogues or answers, by the reason
    spelled: set[str] = field(default_factory=set)  # columns whose cells are read as people write them

    def __post_init__(self) -> None:
        self.by_name = {plain_name(name): name for name in reversed(self.table.names)}

    def of(self, names: tuple[str, ...], besides: tuple[str, ...] = ()) -> str:
        return next((self.by_name[name] for name in names if self.by_name.get(name, "") not in ("", *besides)), "")

    def leave_out(self, reason: str, count: int) -> None:
        if count:
            self.left_out[reason] += count

    def spell(self, *names: str) -> list[str]:
        """Read the cells of these columns as text where they have one (numbers, lists of texts); return those."""
        texts = [name for name in names if _has_text(self.table.columns[name].type)]
        self.spelled.update(texts)
        return texts

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Line and cells of each row, of which only some are Python's at a time."""
        texts = {name: self.table.iter_strings(name) for name in self.spelled}
        for start in range(0, len(self.table), ITERATED_ROWS):
            part = self.table.slice(start, ITERATED_ROWS)
            cells = [
                list(islice(texts[name], len(part))) if name in texts else values.to_pylist()
                for name, values in part.columns.items()
            ]
            for line, row in zip(part.lines.tolist(), zip(*cells, strict=True), strict=True):
                yield line, dict(zip(part.names, row, strict=True))


def _has_text(kind: pa.DataType) -> bool:
    """Whether cells have a text form: no bytes, no records, and of lists those of such cells."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return not (pa.types.is_nested(kind) or is_binary(kind))


def holds_dialogues(table: Table) -> bool:
    """Whether a table has columns of dialogues."""
    return _reader(_Columns(table)) is not None


def read_dialogues(table: Table) -> tuple[Dialogues, list[Finding]]:
    """Read all dialogues that have an answer to train on, and what was left out.

    Raises:
        UserError: If there are no such columns, or a row cannot be parsed; names the line.
    """
    columns = _Columns(table)
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


def _reader(columns: _Columns) -> Callable[[], Iterator[Dialogue]] | None:
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
    return _of_messages(columns)


def _holds_turns(columns: _Columns, name: str) -> bool:
    """Whether a column with such a name is one of turns, rather than of texts (contents) or ids beside a speaker."""
    if plain_name(name) == "contents":
        return _holds(columns, name, are_turns)
    return not columns.of(SPEAKER) or _holds(columns, name, _is_list)


def _pair(columns: _Columns) -> tuple[str, str] | None:
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


def _holds(columns: _Columns, name: str, is_kind: Callable[[Any], bool]) -> bool:
    """Whether any of a column's first cells is of that kind."""
    return any(map(is_kind, columns.table.columns[name].slice(0, 100).drop_null().to_pylist()))


def _is_list(cell: Any) -> bool:
    """Whether a cell is a list, or the text of one, rather than an id."""
    return isinstance(cell, list) or str(cell).lstrip().startswith("[")


def _each(columns: _Columns, name: str, read: Callable[[Row], Dialogue]) -> Iterator[Dialogue]:
    """Every row's dialogue with the table's system prompt, where it has one."""
    system = columns.of(SYSTEM, (name,))
    for line, row in columns.rows():
        dialogue = _read_one(columns, name, line, lambda row=row: read(row))
        if system and isinstance(row[system], str) and dialogue and dialogue[0].role != "system":
            dialogue = [*turns_of(row[system], "system"), *dialogue]
        yield dialogue


def _read_one(columns: _Columns, name: str, line: int, read: Callable[[], Dialogue]) -> Dialogue:
    """A dialogue, and what of it is not trained on is counted; none where it calls tools."""
    try:
        dialogue = read()
    except ToolCallError:
        columns.left_out["dialogues left out: they call tools"] += 1
        return []
    except UNREADABLE as error:
        line = getattr(error, "line", None) or line
        raise UserError(
            f"{columns.table.source}, line {line}: '{name}' is not a list of turns ({str(error)[:100]}). "
            f"Expected {EXPECTED}."
        ) from None
    if ignored := sum(turn.role == "assistant" and not turn.is_target for turn in dialogue):
        columns.left_out["answers have weight 0: read, but not trained on"] += ignored
    return dialogue


def _pair_reader(columns: _Columns, prompt: str, response: str) -> Callable[[Row], Dialogue]:
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


def _of_history(columns: _Columns, value: Any) -> Dialogue:
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


def _of_messages(columns: _Columns) -> Callable[[], Iterator[Dialogue]] | None:
    """Read a table of one message per row: dialogues by their ids, or by the message that each replies to."""
    speaker, content = columns.of(SPEAKER), columns.of(CONTENT)
    if not (speaker and content):
        return None
    roles = _roles(columns.table.columns[speaker])
    if not {"user", "assistant"} <= {ROLES.get(role, role) for role in roles} or not roles <= {*ROLES, *TOOLS}:
        return None
    if not pa.types.is_list(columns.table.columns[content].type):  # the parts of one are lines
        columns.spell(content)
    number, parent, key = columns.of(MESSAGE_ID), columns.of(PARENT_ID), columns.of(DIALOGUE_IDS)
    if number and parent:
        return lambda: _of_threads(columns, number, parent, content)
    if not key:
        raise UserError(
            f"{columns.table.source} has one message per row and nothing that tells where a dialogue ends. Add a "
            "column conversation_id, or give a list of turns per row."
        )
    return lambda: _of_groups(columns, key, content)


def _roles(values: pa.ChunkedArray) -> set[str]:
    """The roles in a column of texts or of records with a role or a name; none in others."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return {role_of(role) for role in values.unique().to_pylist() if role}
    if not pa.types.is_struct(values.type):
        return set()
    starts = range(0, len(values), ITERATED_ROWS)
    return {role_of(role) for start in starts for role in values.slice(start, ITERATED_ROWS).to_pylist() if role}


def _of_groups(columns: _Columns, key: str, content: str) -> Iterator[Dialogue]:
    """The messages of each id, also where those of several dialogues take turns."""
    groups: dict[Any, list[Row]] = {}
    for message in _messages(columns, key):
        groups.setdefault(message[plain_name(key)], []).append(message)
    for messages in groups.values():
        given = [message for message in messages if not is_empty(message)]
        columns.leave_out(EMPTY, len(messages) - len(given))
        yield _read_one(columns, content, messages[0][LINE], lambda given=given: parse_turns(given))


def _of_threads(columns: _Columns, number: str, parent: str, content: str) -> Iterator[Dialogue]:
    """The tree of each message that replies to none; an empty message is left out with its replies."""
    messages = []
    for message in _messages(columns, number):
        has_none = is_empty(message)
        columns.leave_out(EMPTY, int(has_none))
        messages.append({**message, "deleted": has_none or message.get("deleted")})
    for tree in as_trees(messages, plain_name(number), plain_name(parent)):
        yield _read_one(columns, content, tree[LINE], lambda tree=tree: from_tree(tree))


def _messages(columns: _Columns, key: str) -> Iterator[dict[str, Any]]:
    """Rows by the plain names of their columns, the first of one name, with their lines; none without an id."""
    for line, row in columns.rows():
        has_id = row[key] is not None and str(row[key]).strip() != ""
        columns.leave_out(f"messages left out: '{key}' is empty", int(not has_id))
        if has_id:
            yield {**{plain_name(name): row[name] for name in reversed(columns.table.names)}, LINE: line}
