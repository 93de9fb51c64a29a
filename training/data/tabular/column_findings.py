"""Preflight findings about a table's columns: their types, and what is left out, folded, ambiguous or empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.data.tabular.cells import clean_text
from training.data.tabular.dates import is_ambiguous, normal_spelling
from training.data.tabular.features import ABSENT
from training.preflight.sheet import Finding, Level

if TYPE_CHECKING:
    from training.data.table import Table
    from training.data.tabular.column_types import Column
    from training.data.tabular.encoder import TableEncoder

MANY_COLUMNS, MAX_NAMES = 2000, 12
MOSTLY_EMPTY = 0.5


def columns_found(table: Table, encoder: TableEncoder) -> list[Finding]:
    """Return the type of each column, and what is left out, folded or ambiguous."""
    kinds, found = encoder.kinds, []
    for kind, words in (("number", "numbers"), ("category", "categories"), ("date", "dates")):
        names = [one.name for one in kinds if one.kind == kind]
        if names:
            found.append(Finding("green", f"{len(names)} columns read as {words}", _some(names)))
    for kind in ("constant", "ignore"):
        found += _grouped([one for one in kinds if one.kind == kind])
    unread = [column for column in kinds if column.unread and column.kind not in ("constant", "ignore")]
    found += [
        Finding("amber", f"{column.unread} cells of {column.name!r} are no {column.kind}s and count as missing")
        for column in unread
    ]
    found += _folded(encoder) + _ambiguous(table, kinds) + _mostly_empty(encoder)
    if len(kinds) > MANY_COLUMNS:
        found.append(
            Finding("amber", f"{len(kinds):,} columns", "That is slow: leave out columns without information.")
        )
    return found


def _grouped(columns: Sequence[Column]) -> list[Finding]:
    """Return one finding per column, or one for all where there are many."""
    if len(columns) > MAX_NAMES:
        what = "constant and only watched for change" if columns[0].kind == "constant" else "left out"
        said = [f"{one.name} ({one.reason})" for one in columns]
        return [Finding("amber", f"{len(columns):,} columns are {what}", _some(said))]
    found = []
    for one in columns:
        if one.kind == "constant":
            found.append(Finding("amber", f"Column {one.name!r} is {one.reason}", "It is only watched for change."))
        else:
            level: Level = "green" if one.reason == "as you said" else "amber"
            found.append(Finding(level, f"Column {one.name!r} is left out: {one.reason}"))
    return found


def _folded(encoder: TableEncoder) -> list[Finding]:
    return [
        Finding(
            "amber",
            f"Column {one.column!r} has {one.folded + len(one.values):,} values; "
            f"the {one.folded:,} rarest share one id",
            "A new value cannot be told from those. Raise max_categories, or leave the column out if it is an id.",
        )
        for one in encoder.categories
        if one.folded
    ]


def _ambiguous(table: Table, kinds: Sequence[Column]) -> list[Finding]:
    found = []
    for one in kinds:
        text = clean_text(table.column(one.name)) if one.kind == "date" else None
        if text is not None and is_ambiguous(normal_spelling(text)):
            title = f"Dates of {one.name!r} leave open which number is the month"
            found.append(Finding("amber", title, "It is taken to come first; write 2024-01-31 to be sure."))
    return found


def _mostly_empty(encoder: TableEncoder) -> list[Finding]:
    shares = {one.column: one.counts[ABSENT] / max(1, sum(one.counts)) for one in encoder.categories}
    empty = [f"{name} ({share:.0%})" for name, share in shares.items() if share > MOSTLY_EMPTY]
    return [Finding("amber", f"{len(empty)} columns are mostly empty", _some(empty))] if empty else []


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
