"""Labels with a column each, such as toxic, obscene and threat, 1 where a text has the label: one column of lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from training.data.column_guess import describe_columns
from training.data.column_names import LABEL_NAMES, plain_name
from training.data.table import Table
from training.data.tabular.booleans import TRUTH
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

SEPARATOR = ", "  # of the columns' names
NOT_SAID = "-1"  # a row that was not looked at for a label


def label_columns(table: Table, settings: ClassifySettings) -> tuple[str, ...]:
    """Columns of which each is a label: those that are named, or with `multi_label` all of yes and no.

    Returns:
        None of them where one column has the labels.

    Raises:
        UserError: If several are named and a text has one label only.
    """
    named = settings.label_column
    if named in table.names or (named and "," not in named):
        return ()
    if named:
        if not settings.multi_label:
            raise UserError(f"label_column names several columns ({named}): turn multi_label on, or name one of them.")
        return tuple(name.strip() for name in named.split(","))
    return yes_no_columns(table) if settings.multi_label else ()


def yes_no_columns(table: Table) -> tuple[str, ...]:
    """Columns that say yes or no of every row, if there are several and no other column may have the labels."""
    if any(plain_name(name) in LABEL_NAMES for name in table.names):
        return ()
    types = {each["name"]: each["type"] for each in describe_columns(table)}
    if "category" in types.values():
        return ()
    found = tuple(name for name, kind in types.items() if kind == "yes/no")
    return found if len(found) > 1 else ()


def gathered(table: Table, names: Sequence[str]) -> Table:
    """The table with a column of lists in place of these: the names of those that are true in the row.

    Rows with -1, which were not looked at, are dropped with a notice. Without names the table stays as it is.

    Raises:
        UserError: If a column is missing, or a cell says neither yes nor no.
    """
    if not names:
        return table
    truths = list(zip(*(_truths(table, name) for name in names), strict=True))
    kept = [row for row, values in enumerate(truths) if None not in values]
    if dropped := [row for row, values in enumerate(truths) if None in values]:
        where = at_lines(table.lines[dropped].tolist())
        title = f"{counted(len(dropped), 'row')} dropped: {NOT_SAID} in the column of a label"
        table = replace(table, notices=(*table.notices, Finding("amber", title, f"{where.capitalize()}.")))
    lists = [[name for name, is_true in zip(names, truths[row], strict=True) if is_true] for row in kept]
    columns = {name: values for name, values in table.columns.items() if name not in names}
    found = replace(table, columns=columns).select(kept)
    labels = pa.chunked_array([pa.array(lists, pa.list_(pa.string()))])
    return replace(found, columns={**found.columns, SEPARATOR.join(names): labels})


def _truths(table: Table, name: str) -> list[bool | None]:
    """What each cell of a column says; None where it is -1. An empty one says no."""
    cells = [(cell or "0").strip().casefold() for cell in table.strings(name)]
    for cell, line in zip(cells, table.lines.tolist(), strict=True):
        if cell not in TRUTH and cell != NOT_SAID:
            raise UserError(
                f"Column {name!r} of {table.source} has {cell[:40]!r} in line {line}: the column of a label has 1 "
                "where a text has the label, and 0 where it has not."
            )
    return [TRUTH.get(cell) for cell in cells]
