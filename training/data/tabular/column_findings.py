"""Preflight findings about a table's columns: their types, and what is left out, folded, ambiguous or empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular.features import ABSENT
from training.data.tabular.missing import ERRORS, MAYBE_VALUES
from training.preflight.sheet import Finding, Level
from training.wording import counted

if TYPE_CHECKING:
    from training.data.table import Table
    from training.data.tabular.column_types import Column
    from training.data.tabular.encoder import TableEncoder

MANY_COLUMNS, MAX_NAMES = 2000, 12
MOSTLY_EMPTY = 0.5


def columns_found(table: Table, encoder: TableEncoder) -> list[Finding]:
    """Return the type of each column, and what is left out, folded, open or not read."""
    columns, findings = encoder.kinds, []
    for kind, words in (("number", "numbers"), ("category", "categories"), ("date", "dates")):
        names = [column.name for column in columns if column.kind == kind]
        if names:
            findings.append(Finding("green", f"{counted(len(names), 'column')} read as {words}", _some(names)))
    for kind in ("constant", "ignore"):
        findings += _grouped([column for column in columns if column.kind == kind])
    unread = [column for column in columns if column.unread and column.kind not in ("constant", "ignore")]
    findings += [Finding("amber", unread_title(column.unread, column.name, column.kind)) for column in unread]
    findings += [Finding("amber", title, detail) for column in columns for title, detail in column.doubts]
    findings += _folded(encoder) + missing_words(table, columns) + _mostly_empty(encoder)
    if len(columns) > MANY_COLUMNS:
        detail = "That is slow: leave out columns without information."
        findings.append(Finding("amber", f"{len(columns):,} columns", detail))
    return findings


def unread_title(count: int, name: str, kind: str) -> str:
    """Say that cells of a column are not of its kind."""
    return f"{counted(count, 'cell')} of {name!r} counted as missing: not a {kind}"


def missing_words(table: Table, columns: Sequence[Column]) -> list[Finding]:
    """Return what words count as missing where they may be values, and the errors of spreadsheets."""
    findings = []
    for column in columns:
        values = table.columns.get(column.name)
        if column.literal or values is None or not pa.types.is_string(values.type):
            continue
        if column.kind in ("category", "constant") and (words := _counted(values, MAYBE_VALUES)):
            title = f"{counted(sum(words.values()), 'cell')} of {column.name!r} counted as missing: {_listed(words)}"
            findings.append(Finding("amber", title, f"Where they are values: literal_columns: {column.name}."))
        if errors := _counted(values, ERRORS):
            title = f"{counted(sum(errors.values()), 'error')} of a spreadsheet in {column.name!r}: {_listed(errors)}"
            findings.append(Finding("amber", title, "Counted as missing."))
    return findings


def _counted(values: pa.ChunkedArray, words: Sequence[str]) -> dict[str, int]:
    """Count the cells that are one of some words."""
    compute: Any = pc
    chosen = values.filter(compute.is_in(values, value_set=pa.array(list(words), pa.string())))
    if len(chosen):
        return {entry["values"]: entry["counts"] for entry in chosen.value_counts().to_pylist()}
    return {}


def _listed(words: dict[str, int]) -> str:
    return _some([repr(word) for word in sorted(words, key=lambda word: (-words[word], word))])


def _grouped(columns: Sequence[Column]) -> list[Finding]:
    """Return one finding per column, or one for all where there are many."""
    if len(columns) > MAX_NAMES:
        what = "constant and only watched for change" if columns[0].kind == "constant" else "left out"
        names = [f"{column.name} ({column.reason})" for column in columns]
        return [Finding("amber", f"{len(columns):,} columns are {what}", _some(names))]
    findings = []
    for column in columns:
        if column.kind == "constant":
            title = f"Column {column.name!r} is {column.reason}"
            findings.append(Finding("amber", title, "It is only watched for change."))
        else:
            level: Level = "green" if column.reason == "as you said" else "amber"
            findings.append(Finding(level, f"Column {column.name!r} is left out: {column.reason}"))
    return findings


def _folded(encoder: TableEncoder) -> list[Finding]:
    return [
        Finding(
            "amber",
            f"Column {feature.column!r} has {feature.folded + len(feature.values):,} values; "
            f"the {feature.folded:,} rarest share one id",
            "A new value cannot be told from those. Raise max_categories, or leave the column out if it is an id.",
        )
        for feature in encoder.categories
        if feature.folded
    ]


def _mostly_empty(encoder: TableEncoder) -> list[Finding]:
    shares = {feature.column: feature.counts[ABSENT] / max(1, sum(feature.counts)) for feature in encoder.categories}
    empty = [f"{name} ({share:.0%})" for name, share in shares.items() if share > MOSTLY_EMPTY]
    are = "is" if len(empty) == 1 else "are"
    return [Finding("amber", f"{counted(len(empty), 'column')} {are} mostly empty", _some(empty))] if empty else []


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
