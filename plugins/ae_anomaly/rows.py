"""What `fit` trains and evaluates on: read, judged, split and encoded, with every finding in words. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.ae_anomaly.labels import find_label, read_labels
from training.columns import describe_columns
from training.data import Table, read_table
from training.errors import UserError
from training.hub_data import load_hub_dataset
from training.preflight import Finding, Level, Sheet
from training.tabular.encoder import Encoded, TableEncoder
from training.tabular.kinds import Column, guess_kinds, parse_kinds

if TYPE_CHECKING:
    from plugins.ae_anomaly.settings import FitSettings

FEWEST, FEW, MANY_COLUMNS = 20, 100, 2000
LEAK = 0.999  # AUROC of one column alone against the label


@dataclass(frozen=True, eq=False)
class AnomalyData:
    """Rows to learn from, held-out rows like them to calibrate with, and rows (with labels, where known) to evaluate on."""

    encoder: TableEncoder
    train: Encoded
    held_out: Encoded
    evaluation: Encoded
    anomalous: np.ndarray | None  # of the evaluation rows
    label: str
    findings: tuple[Finding, ...]


def check(settings: FitSettings) -> Sheet:
    """The preflight sheet; a file that cannot be read at all is a red row, not an error."""
    try:
        table = read(settings)
        described, sample = describe_columns(table), tuple(table.head(5))
        data = prepare(table, settings)
    except UserError as error:
        return Sheet((Finding("red", "The data cannot be used", str(error)),))
    return Sheet(data.findings, described, sample)


def read(settings: FitSettings) -> Table:
    """The training table.

    Raises:
        UserError: If there is none or it cannot be read.
    """
    if settings.data:
        return read_table(Path(settings.data))
    if settings.dataset:
        return load_hub_dataset(settings.dataset, "train")
    raise UserError("No data: upload a CSV, TSV, JSONL or Parquet file of rows to learn from.")


def prepare(table: Table, settings: FitSettings) -> AnomalyData:
    """Judge the columns, split, encode.

    Raises:
        UserError: If nothing can be learnt from the table.
    """
    label = find_label(table, settings.label_column)
    odd = read_labels(table, label, settings.normal_value) if label else np.zeros(len(table), dtype=bool)
    usable = np.flatnonzero(~odd) if settings.train_on == "normal" else np.arange(len(table))
    if len(usable) < FEWEST:
        raise UserError(f"{table.source} has {len(usable)} rows to train on: at least {FEWEST} are needed, {FEW} or more to be useful.")  # fmt: skip
    order = np.random.default_rng(settings.seed).permutation(usable)
    kept_back = round(settings.eval_share * len(usable))
    held_out, train = np.sort(order[:kept_back]), np.sort(order[kept_back:])
    fitted_on = table.select(train)
    kinds = guess_kinds(fitted_on, parse_kinds(settings.columns, table.names), skip=[label] if label else [])
    encoder = TableEncoder.fit(
        fitted_on,
        kinds,
        scaling=settings.scaling,
        min_count=settings.min_count,
        max_categories=settings.max_categories,
    )
    rows = encoder.encode(table)
    findings = [*table.notices, *_columns_found(kinds), *_rows_found(table, rows, odd, label, settings)]
    evaluation, anomalous = _evaluation(settings, encoder, rows, held_out, odd, label, findings)
    return AnomalyData(
        encoder, rows.select(train), rows.select(held_out), evaluation, anomalous, label, tuple(findings)
    )


def _evaluation(
    settings: FitSettings,
    encoder: TableEncoder,
    rows: Encoded,
    held_out: np.ndarray,
    odd: np.ndarray,
    label: str,
    findings: list[Finding],
) -> tuple[Encoded, np.ndarray | None]:
    """The evaluation file, else the held-out rows and the labelled anomalies that training left out."""
    if settings.eval_data:
        table = read_table(Path(settings.eval_data))
        encoded = encoder.encode(table)
        findings += [
            Finding(one.level, f"{table.source}: {one.title}", one.detail) for one in encoder.findings(table, encoded)
        ]
        known = label in table.names
        return encoded, read_labels(table, label, settings.normal_value) if known else None
    chosen = held_out
    if label and settings.train_on == "normal" and len(held_out):
        chosen = np.concatenate([held_out, np.flatnonzero(odd)])
    has_both = bool(label) and len(np.unique(odd[chosen])) == 2
    return rows.select(chosen), odd[chosen] if has_both else None


def _columns_found(kinds: Sequence[Column]) -> list[Finding]:
    found = []
    for kind, words in (("number", "numbers"), ("category", "categories"), ("date", "dates")):
        names = [one.name for one in kinds if one.kind == kind]
        if names:
            found.append(Finding("green", f"{len(names)} columns read as {words}", _some(names)))
    for one in kinds:
        if one.kind == "constant":
            found.append(Finding("amber", f"Column {one.name!r} is {one.reason}", "It is only watched for change."))
        elif one.kind == "ignore":
            found.append(Finding("green" if one.reason == "as you said" else "amber", f"Column {one.name!r} is left out: {one.reason}"))  # fmt: skip
        elif one.unread:
            found.append(
                Finding("amber", f"{one.unread} cells of {one.name!r} are no {one.kind}s and count as missing")
            )
    if len(kinds) > MANY_COLUMNS:
        found.append(Finding("amber", f"{len(kinds):,} columns", "That is slow: leave out those that say nothing."))
    return found


def _rows_found(table: Table, rows: Encoded, odd: np.ndarray, label: str, settings: FitSettings) -> list[Finding]:
    found = []
    count = int((~odd).sum()) if settings.train_on == "normal" else len(table)
    if count < FEW:
        found.append(
            Finding("amber", f"Only {count} rows to train on", f"{FEW} or more are useful; p-values are coarse.")
        )
    if count < rows.numbers.shape[1] + rows.categories.shape[1]:
        found.append(Finding("amber", "Fewer rows than columns", "Scores will mostly be distances to known rows."))
    if label:
        left_out = (
            "left out of training"
            if settings.train_on == "normal"
            else "trained on too: train_on normal leaves them out"
        )
        level: Level = "amber" if odd.any() and settings.train_on == "all" else "green"
        found.append(Finding(level, f"{int(odd.sum()):,} of {len(odd):,} rows are labelled anomalies in {label!r}", f"They are {left_out}."))  # fmt: skip
        found += _leaks(rows, odd, table)
    twins = len(rows) - len(np.unique(np.concatenate([np.nan_to_num(rows.numbers, nan=1e9), rows.categories], axis=1), axis=0))  # fmt: skip
    if twins > 0.05 * len(rows):
        found.append(Finding("amber", f"{twins:,} rows are equal to another row", "Held-out rows that are copies of training rows look better than they are."))  # fmt: skip
    if np.abs(np.nan_to_num(rows.numbers)).max(initial=0) >= 9.9e3:
        found.append(Finding("amber", "Values that are infinite or thousands of deviations out", "They count as the furthest there can be; try scaling log."))  # fmt: skip
    return found


def _leaks(rows: Encoded, odd: np.ndarray, table: Table) -> list[Finding]:
    """Number columns that predict the label alone."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(odd)) < 2:
        return []
    scores = [roc_auc_score(odd, np.nan_to_num(rows.numbers[:, place])) for place in range(rows.numbers.shape[1])]
    leaks = sum(max(score, 1 - score) > LEAK for score in scores)
    return [Finding("amber", f"{leaks} columns predict the label alone", f"Is the answer hidden in {table.source}?")] if leaks else []  # fmt: skip


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
