"""Rows that are no data: empty ones, and those that spreadsheets put below a table, its total and notes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.csv_dialect import USUAL_SEPARATORS
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
NOTE = re.compile(
    r"(sources?|quellen?|fuentes?|fonti?|notes?|notas?|hinweise?|anmerkung(en)?|remarks?|stand)\s*:"
    r"|(exported|exportiert|generated|created|erstellt|printed|downloaded|last updated|as of|copyright|©)\s",
    re.IGNORECASE,
)
TEXT_FILES = {*USUAL_SEPARATORS, ".txt", ".tab", ".dat"}  # that offices write; JSON and Parquet have rows alone


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
    suffixes = {suffix.lower() for suffix in PurePath(table.source).suffixes}
    if len(table.names) < 2 or not suffixes & TEXT_FILES:
        return len(table)
    last = len(table)
    for row in range(len(table) - 1, max(0, len(table) - MAX_BELOW) - 1, -1):
        if not is_empty[row]:
            if not _is_below(table, row):
                break
            last = row
    return last


def _is_below(table: Table, row: int) -> bool:
    """Whether a row begins with a total's word, once in its column, or is a note alone in a table of three columns."""
    cells = _filled(table, row)
    if not cells:
        return False
    name, first = next(iter(cells.items()))
    if not pa.types.is_string(table.columns[name].type):
        return False
    if len(cells) == 1 and len(table.names) > 2:
        return _is_note(table, name, row)
    word = first.rstrip(": ").casefold()
    return word in TOTALS and _count(table.columns[name], word) == 1


def _filled(table: Table, row: int) -> dict[str, str]:
    """The filled cells of a row, trimmed, by column."""
    cells = {name: str(value) for name in table.names if (value := table.columns[name][row].as_py()) is not None}
    return {name: text for name, cell in cells.items() if (text := cell.strip())}


def _is_note(table: Table, name: str, row: int) -> bool:
    """Whether a text alone in its row is unlike the column's other cells: it begins as notes do, or has several words
    and is longer than all of them."""
    cell, compute = str(table.columns[name][row].as_py()).strip(), pc
    if NOTE.match(cell):
        return True
    start = max(0, row - MAX_BELOW)
    near = [cells[name] for other in range(start, row) if len(cells := _filled(table, other)) > 1 and name in cells]
    far: Any = compute.max(compute.utf8_length(table.columns[name].slice(0, start)))  # type: ignore[attr-defined]
    longest = max(map(len, near), default=0)
    return len(cell.split()) > 1 and not cell[0].isdigit() and len(cell) > max(longest, far.as_py() or 0) > 0


def _count(values: pa.ChunkedArray, word: str) -> int:
    """How many cells of a column are a word, whatever its case and with or without a colon."""
    compute: Any = pc
    words = compute.utf8_rtrim(compute.utf8_lower(compute.utf8_ltrim_whitespace(values)), characters=": ")
    return compute.sum(compute.equal(words, word)).as_py() or 0


def _first_words(table: Table, row: int) -> str:
    return next(str(cell) for name in table.names if (cell := table.columns[name][row].as_py()) is not None)[:60]
