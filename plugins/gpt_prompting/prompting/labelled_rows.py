"""Labelled rows out of a user's file, by the names of a template's variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plugins.gpt_prompting.prompting.prompts import LABEL, Row, variables
from training.data.column_guess import guess_text_columns
from training.data.table import Table, read_table
from training.errors import UserError

DEFAULT = "text"


@dataclass(frozen=True)
class LabelledRows:
    """Rows with all of a template's values, and a label where the file has one."""

    rows: list[Row]
    places: list[int]  # in the table
    table: Table
    columns: dict[str, str]  # variable -> column

    @property
    def labels(self) -> list[str]:
        """In order of their frequency, then by name."""
        counts = Counter(row[LABEL] for row in self.rows if LABEL in row)
        return sorted(counts, key=lambda name: (-counts[name], name))


def read_rows(file: Path, template: str, label_column: str = "", *, needs_label: bool = True) -> LabelledRows:
    """Read a file's rows; those that lack a value or a label are left out.

    Raises:
        UserError: If the file cannot be read, or has no column for a variable.
    """
    table = read_table(file)
    fields = [name for name in variables(template) if name != LABEL]
    columns = _columns(table, fields, label_column, needs_label)
    values = {name: table.strings(column) for name, column in columns.items()}
    rows, places = [], []
    for place in range(len(table)):
        row = {name: (found[place] or "").strip() for name, found in values.items()}
        if all(row[name] for name in (*fields, *([LABEL] if needs_label else []))):
            rows.append(row)
            places.append(place)
    if not rows:
        raise UserError(f"{table.source} has no row with a value for each of: {', '.join(columns)}.")
    return LabelledRows(rows, places, table, columns)


def _columns(table: Table, fields: Sequence[str], label_column: str, needs_label: bool) -> dict[str, str]:
    by_name = {name.lower(): name for name in table.names}
    found = {name: by_name[name.lower()] for name in fields if name.lower() in by_name}
    missing = [name for name in fields if name not in found]
    label = label_column or by_name.get(LABEL, "")
    guessed = None
    if missing == [DEFAULT] or (needs_label and not label):
        guessed = guess_text_columns(table, label_column=label, need_label=needs_label)
    if missing == [DEFAULT] and guessed:
        found[DEFAULT], missing = guessed.text, []
    if missing:
        raise UserError(f"{table.source} has no column {', '.join(missing)}, which the template asks for; it has: {', '.join(table.names)}.")  # fmt: skip
    label = label or (guessed.label or "" if guessed else "")
    if label and label not in table.names:
        raise UserError(f"Column {label!r} is not in {table.source}; it has: {', '.join(table.names)}.")
    return {**found, **({LABEL: label} if label else {})}
