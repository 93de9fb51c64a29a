"""The columns of a table that holds dialogues, its rows, and what is left out of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from plugins.gpt_prompting.pretrain.dialogue_turns import ToolCallError
from plugins.gpt_prompting.pretrain.dialogues import Dialogue
from training.data.arrow import is_binary
from training.data.column_names import plain_name
from training.data.table import ITERATED_ROWS, Table
from training.errors import UserError

EXPECTED = '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, RecursionError)  # of cells that hold something else
Row = Mapping[str, Any]


@dataclass
class DialogueColumns:
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


def read_one(columns: DialogueColumns, name: str, line: int, read: Callable[[], Dialogue]) -> Dialogue:
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
