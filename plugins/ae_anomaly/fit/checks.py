"""Checks of a table's rows and labels for the preflight sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_auc_score

from plugins.ae_anomaly.fit.labels import possible_labels
from training.data.array_files import unnamed_array
from training.data.table import Table
from training.data.tabular.column_types import parse_column_types
from training.data.tabular.features import PIECE_ROWS, Encoded
from training.preflight.sheet import Finding, Level
from training.wording import counted

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.settings import FitSettings

FEW_ROWS, FEW_TO_CALIBRATE = 100, 500
LEAK = 0.999  # AUROC of one column alone against the label
DUPLICATE_SHARE = 0.05  # share of repeated rows that is worth a word
OUTLIER_LIMIT = 9.9e3  # scaled; see `scaling.LIMIT`


def check_rows(table: Table, rows: Encoded, is_anomaly: np.ndarray, label: str, settings: FitSettings) -> list[Finding]:
    """Too few rows, repeated rows, values far out, and what the labels say."""
    found = []
    count = len(is_anomaly) - int(is_anomaly.sum()) if settings.train_on == "normal" else len(table)
    if count < FEW_ROWS:
        found.append(Finding("amber", f"Only {count} rows to train on", f"{FEW_ROWS} or more are useful; p-values are coarse."))  # fmt: skip
    elif count < FEW_TO_CALIBRATE:
        found.append(Finding("green", f"All {count} rows are trained on, none held out for calibration", f"New normal rows will score a little higher than the training rows, and so get lower p-values; from {FEW_TO_CALIBRATE} rows on some are held out."))  # fmt: skip
    if count < rows.numbers.shape[1] + rows.categories.shape[1]:
        found.append(Finding("amber", "Fewer rows than columns", "Scores will mostly be distances to known rows."))
    if label:
        found += _labels_found(rows, is_anomaly, label, settings, table)
    else:
        found += _labels_learned(table, settings)
    twins = len(rows) - _distinct(rows)
    if twins > DUPLICATE_SHARE * len(rows):
        found.append(Finding("amber", f"{twins:,} rows are equal to another row", "Held-out rows that are copies of training rows look better than they are."))  # fmt: skip
    if any(np.abs(np.nan_to_num(piece.numbers)).max(initial=0) >= OUTLIER_LIMIT for piece in rows.pieces()):
        found.append(Finding("amber", "Values that are infinite or thousands of deviations out", "They count as the furthest there can be; try scaling log."))  # fmt: skip
    return found


def _distinct(rows: Encoded) -> int:
    """How many different rows there are, told by a random projection of their bits: quick for a million."""
    features = rows.numbers.shape[1] + rows.categories.shape[1]
    factors = np.random.default_rng(0).integers(1, 2**63, features, dtype=np.uint64) | np.uint64(1)
    mixed = unnamed_array((len(rows),), np.uint64)
    for number, piece in enumerate(rows.pieces()):
        bits = np.concatenate([piece.numbers.view(np.uint32), piece.categories.view(np.uint32)], axis=1)
        sums = mixed[number * PIECE_ROWS :][: len(bits)]
        for column in range(features):
            sums += bits[:, column] * factors[column]
            sums ^= sums >> np.uint64(29)
    mixed.sort()  # in place: np.unique would copy them twice
    return int(len(mixed) > 0) + int((mixed[1:] != mixed[:-1]).sum())


def _labels_found(
    rows: Encoded, is_anomaly: np.ndarray, label: str, settings: FitSettings, table: Table
) -> list[Finding]:
    left_out = "left out of training" if settings.train_on == "normal" else "trained on too: train_on normal leaves them out"  # fmt: skip
    level: Level = "amber" if is_anomaly.any() and settings.train_on == "all" else "green"
    title = f"{int(is_anomaly.sum()):,} of {len(is_anomaly):,} rows are labelled anomalies in {label!r}"
    return [Finding(level, title, f"They are {left_out}."), *_leaks(rows, is_anomaly, table)]


def _labels_learned(table: Table, settings: FitSettings) -> list[Finding]:
    """Columns that are learned from like any other, and may be labels."""
    given = parse_column_types(settings.columns, table.names)
    advice = "Where it says which rows are anomalies, choose it as label column (label_column): it is then only measured with, and anomalies are left out of training."
    return [
        Finding("amber", f"Column {name!r} is learned from, and may be the label", advice)
        for name in possible_labels(table)
        if name not in given
    ]


def _leaks(rows: Encoded, is_anomaly: np.ndarray, table: Table) -> list[Finding]:
    """Number columns that predict the label alone."""
    if len(np.unique(is_anomaly)) < 2:
        return []
    scores = [
        roc_auc_score(is_anomaly, np.nan_to_num(rows.numbers[:, place])) for place in range(rows.numbers.shape[1])
    ]
    leaks = sum(bool(max(score, 1 - score) > LEAK) for score in scores)
    return [Finding("amber", f"{counted(leaks, 'column')} {'predicts' if leaks == 1 else 'predict'} the label alone", f"Is the answer hidden in {table.source}?")] if leaks else []  # fmt: skip
