"""What the preflight sheet says of a table's columns and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from training.data import Table
from training.preflight import Finding, Level
from training.tabular.cells import clean_text
from training.tabular.dates import is_ambiguous, normal_spelling
from training.tabular.encoder import TableEncoder
from training.tabular.features import ABSENT, Encoded
from training.tabular.kinds import Column

if TYPE_CHECKING:
    from plugins.ae_anomaly.settings import FitSettings

FEW, FEW_TO_CALIBRATE, MANY_COLUMNS, NAMED = 100, 500, 2000, 12
LEAK = 0.999  # AUROC of one column alone against the label
TWINS = 0.05  # share of repeated rows that is worth a word
FURTHEST = 9.9e3  # scaled; see `scaling.LIMIT`
MOSTLY_EMPTY = 0.5


def columns_found(table: Table, encoder: TableEncoder) -> list[Finding]:
    """What each column was taken for, and what is left out, folded or unclear."""
    kinds, found = encoder.kinds, []
    for kind, words in (("number", "numbers"), ("category", "categories"), ("date", "dates")):
        names = [one.name for one in kinds if one.kind == kind]
        if names:
            found.append(Finding("green", f"{len(names)} columns read as {words}", _some(names)))
    for kind in ("constant", "ignore"):
        found += _grouped([one for one in kinds if one.kind == kind])
    found += [Finding("amber", f"{one.unread} cells of {one.name!r} are no {one.kind}s and count as missing") for one in kinds if one.unread and one.kind not in ("constant", "ignore")]  # fmt: skip
    found += _folded(encoder) + _ambiguous(table, kinds) + _mostly_empty(encoder)
    if len(kinds) > MANY_COLUMNS:
        found.append(Finding("amber", f"{len(kinds):,} columns", "That is slow: leave out those that say nothing."))
    return found


def _grouped(columns: Sequence[Column]) -> list[Finding]:
    """A finding a column, or, of very many, a finding for all."""
    if len(columns) > NAMED:
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
            f"Column {one.column!r} has {one.folded + len(one.values):,} values; the {one.folded:,} rarest share one id",
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
            found.append(Finding("amber", f"Dates of {one.name!r} leave open which number is the month", "It is taken to come first; write 2024-01-31 to be sure."))  # fmt: skip
    return found


def _mostly_empty(encoder: TableEncoder) -> list[Finding]:
    shares = {one.column: one.counts[ABSENT] / max(1, sum(one.counts)) for one in encoder.categories}
    empty = [f"{name} ({share:.0%})" for name, share in shares.items() if share > MOSTLY_EMPTY]
    return [Finding("amber", f"{len(empty)} columns are mostly empty", _some(empty))] if empty else []


def rows_found(table: Table, rows: Encoded, odd: np.ndarray, label: str, settings: FitSettings) -> list[Finding]:
    """Too few rows, repeated rows, values far out, and what the labels say."""
    found = []
    count = int((~odd).sum()) if settings.train_on == "normal" else len(table)
    if count < FEW:
        found.append(Finding("amber", f"Only {count} rows to train on", f"{FEW} or more are useful; p-values are coarse."))  # fmt: skip
    elif count < FEW_TO_CALIBRATE:
        found.append(Finding("green", f"Of {count} rows none are spared to calibrate with", f"New normal rows will score a little higher than the training rows, and so get lower p-values; from {FEW_TO_CALIBRATE} rows on some are held out."))  # fmt: skip
    if count < rows.numbers.shape[1] + rows.categories.shape[1]:
        found.append(Finding("amber", "Fewer rows than columns", "Scores will mostly be distances to known rows."))
    if label:
        found += _labels_found(rows, odd, label, settings, table)
    twins = len(rows) - _distinct(rows)
    if twins > TWINS * len(rows):
        found.append(Finding("amber", f"{twins:,} rows are equal to another row", "Held-out rows that are copies of training rows look better than they are."))  # fmt: skip
    if np.abs(np.nan_to_num(rows.numbers)).max(initial=0) >= FURTHEST:
        found.append(Finding("amber", "Values that are infinite or thousands of deviations out", "They count as the furthest there can be; try scaling log."))  # fmt: skip
    return found


def _distinct(rows: Encoded) -> int:
    """How many different rows there are, told by a random projection of their bits: quick for a million."""
    bits = np.concatenate([rows.numbers.view(np.uint32), rows.categories.view(np.uint32)], axis=1)
    factors = np.random.default_rng(0).integers(1, 2**63, bits.shape[1], dtype=np.uint64) | np.uint64(1)
    mixed = np.zeros(len(bits), dtype=np.uint64)
    for column in range(bits.shape[1]):
        mixed += bits[:, column] * factors[column]
        mixed ^= mixed >> np.uint64(29)
    return len(np.unique(mixed))


def _labels_found(rows: Encoded, odd: np.ndarray, label: str, settings: FitSettings, table: Table) -> list[Finding]:
    left_out = "left out of training" if settings.train_on == "normal" else "trained on too: train_on normal leaves them out"  # fmt: skip
    level: Level = "amber" if odd.any() and settings.train_on == "all" else "green"
    title = f"{int(odd.sum()):,} of {len(odd):,} rows are labelled anomalies in {label!r}"
    return [Finding(level, title, f"They are {left_out}."), *_leaks(rows, odd, table)]


def _leaks(rows: Encoded, odd: np.ndarray, table: Table) -> list[Finding]:
    """Number columns that predict the label alone."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(odd)) < 2:
        return []
    scores = [roc_auc_score(odd, np.nan_to_num(rows.numbers[:, place])) for place in range(rows.numbers.shape[1])]
    leaks = sum(max(score, 1 - score) > LEAK for score in scores)
    return [Finding("amber", f"{leaks} columns predict the label alone", f"Is the answer hidden in {table.source}?")] if leaks else []  # fmt: skip


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
