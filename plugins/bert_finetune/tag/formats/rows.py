"""Rows of a table or of a JSON export, with cells of any kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins.bert_finetune.tag.formats.json_exports import read_export
from training.data.column_names import plain_name
from training.data.table import Table, read_table
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Rows:
    """Rows of a file with cells of any kind, and the line on which each begins."""

    source: str
    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]

    def first(self, column: str) -> Any:
        """The first cell that is not empty; None if there is none."""
        return next((cell for cell in self.columns[column] if cell not in (None, "", [])), None)

    def named(self, names: Sequence[str], fits: Callable[[Any], bool], others: Sequence[str] = ()) -> str:
        """The first column of these names, `others` left out, whose first cell fits."""
        free = [name for name in self.columns if name not in others and "#" not in name]  # "Sentence #" is an id
        own = {plain_name(name): name for name in reversed(free)}
        return next((own[name] for name in names if name in own and fits(self.first(own[name]))), "")


def rows_of_table(table: Table) -> Rows:
    """The rows of a table that was read."""
    columns = {name: values.to_pylist() for name, values in table.columns.items()}
    return Rows(table.source, columns, table.lines.tolist())


def read_rows(path: Path) -> tuple[Rows, list[Finding]]:
    """Read a table or an export of an annotation tool.

    Raises:
        UserError: If it cannot be read.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if (suffixes[-1] if suffixes else "") not in JSON_SUFFIXES:
        table = read_table(path)
        return rows_of_table(table), list(table.notices)
    records, lines, findings = read_export(path)
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return Rows(path.name, columns, lines), findings


def given_column(rows: Rows, column: str) -> str:
    if column and column not in rows.columns:
        raise UserError(f"Column '{column}' is not in {rows.source}; it has: {', '.join(rows.columns)}.")
    return column


def empty_finding(lines: list[int]) -> list[Finding]:
    """Report the rows without words."""
    title = f"{counted(len(lines), 'row')} dropped: no words"
    return [Finding("amber", title, f"{at_lines(lines).capitalize()}.")] if lines else []
