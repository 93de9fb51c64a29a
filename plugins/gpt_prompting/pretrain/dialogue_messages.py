"""Dialogues from tables of one message per row: by the id of the dialogue, or by the message that each replies to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from plugins.gpt_prompting.pretrain.dialogue_columns import DialogueColumns, Row, read_one
from plugins.gpt_prompting.pretrain.dialogue_turns import (
    CONTENT,
    LINE,
    ROLES,
    SPEAKER,
    TOOLS,
    as_trees,
    from_tree,
    is_empty,
    parse_turns,
    role_of,
)
from plugins.gpt_prompting.pretrain.dialogues import Dialogue
from training.data.column_names import plain_name
from training.data.table import ITERATED_ROWS
from training.errors import UserError

DIALOGUE_IDS = ("conversationid", "dialogueid", "dialogid", "chatid", "threadid", "sessionid", "conversation",
                "dialogue", "dialog", "thread", "session", "chat", "convid", "messagetreeid")  # fmt: skip
MESSAGE_ID, PARENT_ID = ("messageid", "id"), ("parentid", "parentmessageid")
EMPTY = "messages left out: they are empty"


def messages_reader(columns: DialogueColumns) -> Callable[[], Iterator[Dialogue]] | None:
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


def _of_groups(columns: DialogueColumns, key: str, content: str) -> Iterator[Dialogue]:
    """The messages of each id, also where those of several dialogues take turns."""
    groups: dict[Any, list[Row]] = {}
    for message in _messages(columns, key):
        groups.setdefault(message[plain_name(key)], []).append(message)
    for messages in groups.values():
        given = [message for message in messages if not is_empty(message)]
        columns.leave_out(EMPTY, len(messages) - len(given))
        yield read_one(columns, content, messages[0][LINE], lambda given=given: parse_turns(given))


def _of_threads(columns: DialogueColumns, number: str, parent: str, content: str) -> Iterator[Dialogue]:
    """The tree of each message that replies to none; an empty message is left out with its replies."""
    messages = []
    for message in _messages(columns, number):
        has_none = is_empty(message)
        columns.leave_out(EMPTY, int(has_none))
        messages.append({**message, "deleted": has_none or message.get("deleted")})
    for tree in as_trees(messages, plain_name(number), plain_name(parent)):
        yield read_one(columns, content, tree[LINE], lambda tree=tree: from_tree(tree))


def _messages(columns: DialogueColumns, key: str) -> Iterator[dict[str, Any]]:
    """Rows by the plain names of their columns, the first of one name, with their lines; none without an id."""
    for line, row in columns.rows():
        has_id = row[key] is not None and str(row[key]).strip() != ""
        columns.leave_out(f"messages left out: '{key}' is empty", int(not has_id))
        if has_id:
            yield {**{plain_name(name): row[name] for name in reversed(columns.table.names)}, LINE: line}
