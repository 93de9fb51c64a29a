"""Rows that are no data: empty ones, and those that spreadsheets put below a table, its total and notes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.table import Table
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

MAX_BELOW = 20  # rows below a table
TOTALS = frozenset((
    "total", "totals", "grand total", "sum", "sums", "average", "averages", "avg", "mean",
    "gesamt", "gesamtsumme", "summe", "insgesamt", "durchschnitt", "mittelwert", "total général", "somme", "moyenne",
    "suma", "promedio", "totale", "somma", "media", "totaal", "soma", "média", "razem", "итого", "всего",
    "合计", "总计",
))  # fmt: skip


def without_rows_below(table: Table) -> Table:
    """The table without empty rows, and without the total and the notes below it, which its notices tell."""
    is_empty = _empty_rows(table)
    last = _last_row(table, is_empty)
    kept = np.flatnonzero(~is_empty[:last])
    if len(kept) == len(table) or not len(kept):
        return table
    empty, below = np.flatnonzero(is_empty), [row for row in range(last, len(table)) if not is_empty[row]]
    notices = []
    if len(empty):
        title = f"{counted(len(empty), 'empty row')} left out"
        notices.append(Finding("amber", title, f"{at_lines(table.lines[empty].tolist()).capitalize()}."))
    if below:
        title = f"{counted(len(below), 'row')} below the table left out: {_first_words(table, below[0])!r}"
        notices.append(
            Finding("amber", title, f"{at_lines(table.lines[below].tolist()).capitalize()}: a total or a note.")
        )
    found = table.slice(0, last) if len(kept) == last else table.select(kept)
    return replace(found, notices=(*table.notices, *notices))


def _empty_rows(table: Table) -> np.ndarray:
    """Which rows have no filled cell, bool, (rows,)."""
    compute: Any = pc
    is_empty = np.ones(len(table), dtype=bool)
    for name in table.names:
        if not is_empty.any():
            break
        values = table.columns[name]
        absent = compute.is_null(values)
        if pa.types.is_string(values.type):
            absent = compute.or_(
                absent, compute.fill_null(compute.equal(compute.utf8_trim_whitespace(values), ""), True)
            )
        is_empty &= np.asarray(absent.to_numpy(), dtype=bool)
    return is_empty


def _last_row(table: Table, is_empty: np.ndarray) -> int:
    """The number of the row after the last one of data."""
    if len(table.names) < 2:
        return len(table)
    last = len(table)
    for row in range(len(table) - 1, max(0, len(table) - MAX_BELOW) - 1, -1):
        if not is_empty[row]:
            if not _is_below(table, row):
                break
            last = row
    return last


def _is_below(table: Table, row: int) -> bool:
    """Whether a row has a total's word, that its column has nowhere above, or one text alone in a table of three
    columns."""
    cells = [
        (name, str(table.columns[name][row].as_py()).strip())
        for name in table.names
        if table.columns[name][row].is_valid
    ]
    filled = [(name, cell) for name, cell in cells if cell]
    if not filled:
        return False
    name, first = filled[0]
    if len(filled) == 1 and len(table.names) > 2:
        return not first[:1].isdigit() and not _is_above(table, name, first, row)
    return first.rstrip(": ").casefold() in TOTALS and not _is_above(table, name, first, row)


def _is_above(table: Table, name: str, cell: str, row: int) -> bool:
    """Whether a column has a cell also above the last rows."""
    values, compute = table.columns[name].slice(0, max(0, row - MAX_BELOW)), pc
    if not pa.types.is_string(values.type):
        return True
    equal: Any = compute.any(compute.equal(compute.utf8_trim_whitespace(values), cell))  # type: ignore[attr-defined]
    return bool(equal.as_py())


def _first_words(table: Table, row: int) -> str:
    return next(str(cell) for name in table.names if (cell := table.columns[name][row].as_py()) is not None)[:60]
