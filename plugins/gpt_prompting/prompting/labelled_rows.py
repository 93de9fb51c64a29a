"""Labelled rows read from a user's file, by the variables of a prompt template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plugins.gpt_prompting.prompting.prompts import LABEL, Row, variables
from training.data.column_guess import guess_text_columns
from training.data.table import Table, read_table
from training.errors import UserError

DEFAULT_VARIABLE = "text"  # its column is guessed if no column has this name


@dataclass(frozen=True)
class LabelledRows:
    """Rows with a value for each variable of a template, and a label.

    Args:
        table_rows: Index in the table of each row.
        columns: Variable -> column.
    """

    rows: list[Row]
    table_rows: list[int]
    table: Table
    columns: dict[str, str]

    @property
    def labels(self) -> list[str]:
        """By descending frequency, then by name."""
        counts = Counter(row[LABEL] for row in self.rows if LABEL in row)
        return sorted(counts, key=lambda name: (-counts[name], name))

    def without(self, is_excluded: Callable[[Row], bool]) -> LabelledRows:
        """Leave some rows out."""
        kept = [index for index, row in enumerate(self.rows) if not is_excluded(row)]
        rows, table_rows = [self.rows[index] for index in kept], [self.table_rows[index] for index in kept]
        return replace(self, rows=rows, table_rows=table_rows)


def read_rows(file: Path, template: str, label_column: str = "") -> LabelledRows:
    """Read the rows of a file, see `rows_of`."""
    return rows_of(read_table(file), template, label_column)


def rows_of(table: Table, template: str, label_column: str = "") -> LabelledRows:
    """Collect the rows of a table; those that lack a value or a label are left out.

    Raises:
        UserError: If there is no row, or no column for a variable.
    """
    fields = [name for name in variables(template) if name != LABEL]
    columns = _columns(table, fields, label_column)
    values = {name: table.strings(column) for name, column in columns.items()}
    rows, table_rows = [], []
    for index in range(len(table)):
        row = {name: (column[index] or "").strip() for name, column in values.items()}
        if all(row[name] for name in (*fields, LABEL)):
            rows.append(row)
            table_rows.append(index)
    if not rows:
        raise UserError(f"{table.source} has no row with a value for each of: {', '.join(columns)}.")
    return LabelledRows(rows, table_rows, table, columns)


def _columns(table: Table, fields: Sequence[str], label_column: str) -> dict[str, str]:
    """Variable -> column: by name, ignoring case; `text` and the label are guessed if there is no such column."""
    by_name = {name.lower(): name for name in table.names}
    columns = {name: by_name[name.lower()] for name in fields if name.lower() in by_name}
    missing = [name for name in fields if name not in columns]
    label = label_column or by_name.get(LABEL, "")
    if missing == [DEFAULT_VARIABLE] or not label:
        guess = guess_text_columns(table, label_column=label, need_label=True)
        label = label or guess.label or ""
        if missing == [DEFAULT_VARIABLE]:
            columns[DEFAULT_VARIABLE], missing = guess.text, []
    if missing:
        raise UserError(
            f"{table.source} has no column {', '.join(missing)}, which is a variable of the template; "
            f"it has: {', '.join(table.names)}."
        )
    if label not in table.names:
        raise UserError(f"Column {label!r} is not in {table.source}; it has: {', '.join(table.names)}.")
    return {**columns, LABEL: label}
