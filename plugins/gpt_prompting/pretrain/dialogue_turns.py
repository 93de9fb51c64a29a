"""A dialogue's turns from the records and texts of many programs: OpenAI, ShareGPT, Gemini, OASST, ChatGPT's export."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plugins.gpt_prompting.pretrain.dialogues import Dialogue, Turn, clean_text

SPEAKER = ("role", "speaker", "from", "author")
CONTENT = ("content", "text", "value", "utterance", "message", "parts")
ROLES = {
    "user": "user", "human": "user", "prompter": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "agent": "assistant",
    "ai": "assistant", "chatgpt": "assistant", "chatbot": "assistant", "claude": "assistant", "bard": "assistant",
    "bing": "assistant", "system": "system", "developer": "system",
}  # fmt: skip
TOOLS = ("tool", "function", "function_call", "function_response", "observation", "tool_call", "tool_response",
         "tool_result", "ipython")  # fmt: skip
LINE = "line of the file"  # beside the fields of a message that is a row; no column's plain name has a space
CALLS = ("tool_calls", "function_call")
IS_TARGET = ("weight", "train")  # of OpenAI (0 or 1) and axolotl: whether an answer is trained on
TRANSCRIPT_TURN = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")  # of Anthropic's data


class ToolCallError(ValueError):
    """A dialogue in which tools are called, which the chat templates here do not write."""


class TurnError(ValueError):
    """A turn that cannot be read, and its line where the record of the turn has one."""

    def __init__(self, message: str, turn: Mapping[str, Any]):
        super().__init__(message)
        self.line = turn.get(LINE)


def parse_turns(value: Any) -> Dialogue:
    """The turns of a cell: records of role and content, bare texts, of which user and assistant take turns, or the
    JSON of either.

    Raises:
        ToolCallError: If a tool is called.
        ValueError, TypeError: If it is no list of turns.
    """
    value = parsed(value)
    if not isinstance(value, list):
        raise ValueError(f"it is {str(value)[:40]!r}")
    return [_turn(turn, number) for number, turn in enumerate(value)]


def parsed(value: Any) -> Any:
    """The value that a text spells as JSON or as Python; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return ast.literal_eval(value)
        raise error


def turns_of(value: Any, role: str) -> Dialogue:
    """The turns of a cell of prompts or answers: a text is one turn of that role, unless it spells a list of turns."""
    if isinstance(value, str) and not are_turns(value):
        return [Turn(role, clean_text(value))] if value.strip() else []
    return [] if value is None else parse_turns(value)


def are_turns(value: Any) -> bool:
    """Whether a cell is a list of records that each have a role and a content, or the text of one."""
    if isinstance(value, str):
        try:
            value = parsed(value) if value.lstrip().startswith("[") else None
        except (ValueError, TypeError, RecursionError):
            return False
    return isinstance(value, list) and bool(value) and all(map(_is_turn, value))


def _is_turn(value: Any) -> bool:
    if not (isinstance(value, Mapping) and {*CONTENT, *CALLS} & value.keys()):
        return False
    return any(role_of(value.get(name) or "") in {*ROLES, *TOOLS} for name in SPEAKER)


def _turn(turn: Any, number: int) -> Turn:
    if isinstance(turn, str):
        return Turn("assistant" if number % 2 else "user", clean_text(turn))
    role = role_of(next((turn[name] for name in SPEAKER if turn.get(name)), ""))
    if role in TOOLS or any(turn.get(name) for name in CALLS):
        raise ToolCallError
    if role not in ROLES:
        raise TurnError(f"a turn has the role {role!r}; known roles are {', '.join(ROLES)}", turn)
    content = next((text for name in CONTENT if (text := _text(turn.get(name))) is not None), None)
    if content is None:
        raise TurnError(f"a turn has none of {', '.join(CONTENT)}", turn)
    is_target = all(turn.get(name) is None or bool(turn[name]) for name in IS_TARGET)
    return Turn(ROLES[role], clean_text(content), is_target)


def role_of(value: Any) -> str:
    """A role as it is written, in lower case; of a record, its role or name."""
    if isinstance(value, Mapping):
        value = value.get("role") or value.get("name") or ""
    return str(value).strip().lower()


def is_empty(message: Mapping[str, Any]) -> bool:
    """Whether a message says nothing and calls no tool."""
    has_text = any((text := _text(message.get(name))) and text.strip() for name in CONTENT)
    is_of_tool = any(role_of(message.get(name)) in TOOLS for name in SPEAKER)
    return not (has_text or is_of_tool or any(message.get(name) for name in CALLS))


def _text(content: Any) -> str | None:
    """The text of a message, whose parts are joined; None if it is no text."""
    if isinstance(content, Mapping) and isinstance(content.get("parts"), list):
        content = content["parts"]
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = [part if isinstance(part, str) else part.get("text") for part in content if isinstance(part, str | Mapping)]
    return "\n".join(text for text in texts if isinstance(text, str)) if texts else None


def from_transcript(text: str) -> Dialogue:
    """The turns of "\\n\\nHuman: …\\n\\nAssistant: …"; none if it is no such text."""
    parts = TRANSCRIPT_TURN.split(text.strip())
    if len(parts) < 3 or parts[0].strip():
        return []
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return [Turn(ROLES[role.lower()], clean_text(content)) for role, content in pairs]


def from_tree(message: Mapping[str, Any]) -> Dialogue:
    """The turns of a tree of messages with replies (OASST): of several replies the one of the best rank."""
    turns = list[Turn]()
    while message and not _is_deleted(message):
        turns.append(_turn(message, len(turns)))
        replies = [reply for reply in message.get("replies") or [] if reply and not _is_deleted(reply)]
        message = min(replies, key=_rank) if replies else {}
    return turns


def _is_deleted(message: Mapping[str, Any]) -> bool:
    """What it says of itself; in separated text it is a word."""
    return str(message.get("deleted") or "").strip().lower() in ("true", "1", "1.0", "yes", "t")


def _rank(message: Mapping[str, Any]) -> float:
    """Its rank among the replies to one message; those without one come last, in their order."""
    try:
        return float(message.get("rank"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("inf")


def as_trees(messages: Sequence[Mapping[str, Any]], key: str, parent: str) -> Iterator[Mapping[str, Any]]:
    """Messages that name the one before them, as trees with replies."""
    nodes = {message[key]: {**message, "replies": []} for message in messages}
    for node in nodes.values():
        if (before := nodes.get(node[parent])) is not None and before is not node:
            before["replies"].append(node)
    yield from (node for node in nodes.values() if not node[parent] or node[parent] not in nodes)


def from_mapping(nodes: Mapping[str, Any], last: str | None) -> Dialogue:
    """The turns of a dialogue that ChatGPT exported: from its last message back; those without a text are left out."""
    nodes = {name: node for name, node in nodes.items() if node}
    parents = {node.get("parent") for node in nodes.values()}
    name = last if last in nodes else next((name for name in reversed(nodes) if name not in parents), None)
    turns, seen = list[Turn](), set[str]()
    while name in nodes and name not in seen:
        seen.add(str(name))
        message = nodes[str(name)].get("message") or {}
        role, text = role_of(message.get("author") or ""), _text(message.get("content"))
        if role in ("user", "assistant") and text and text.strip() and message.get("recipient", "all") in (None, "all"):
            turns.append(Turn(role, clean_text(text)))
        name = nodes[str(name)].get("parent")
    return turns[::-1]


def is_mapping(value: Any) -> bool:
    """Whether a cell is a dialogue that ChatGPT exported, or the text of one."""
    try:
        nodes = parsed(value) if not isinstance(value, str) or value.lstrip().startswith("{") else None
    except (ValueError, TypeError, RecursionError):
        return False
    nodes = [node for node in nodes.values() if node] if isinstance(nodes, Mapping) else []
    return bool(nodes) and all(isinstance(node, Mapping) and {"message", "parent"} & node.keys() for node in nodes)
