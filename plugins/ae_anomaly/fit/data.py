"""Data of `fit`: a table read, checked, split and encoded. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.ae_anomaly.fit.checks import FEW_ROWS, check_rows
from plugins.ae_anomaly.fit.feedback_rows import FeedbackRows, read_feedback
from plugins.ae_anomaly.fit.labels import find_label, read_labels
from training.data.array_files import joined, numbers_where, row_numbers
from training.data.arrow_texts import shared
from training.data.column_guess import describe_columns
from training.data.splits import split_column
from training.data.table import Table
from training.data.table_stream import read_rows, read_training_rows
from training.data.tabular.column_findings import columns_found
from training.data.tabular.column_types import guess_column_types, parse_column_types
from training.data.tabular.coverage import Tally
from training.data.tabular.encoder import TableEncoder, fitted_rows, sample_findings
from training.data.tabular.features import Encoded
from training.data.tabular.missing import parse_literal_columns
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.settings import FitSettings

MIN_ROWS = 20
MIN_CALIBRATION_ROWS = 50  # held-out rows with which to calibrate; with fewer the training rows serve
MAX_CALIBRATION_ROWS = 4000  # to calibrate with; more would make p-values no finer than anybody asks


@dataclass(frozen=True, eq=False)
class AnomalyData:
    """Rows to learn from, held-out rows like them to calibrate with, and rows (with labels, where known) to evaluate on."""

    encoder: TableEncoder
    train: Encoded
    held_out: Encoded
    evaluation: Encoded
    evaluated: Table  # the rows of `evaluation` as they were read
    anomalous: np.ndarray | None  # of the evaluation rows
    label: str
    sheet: Sheet
    labelled_anomalies: Encoded | None = None  # rows that a person called anomalies
    table: Table | None = (
        None  # kept where training starts from weights, whose columns it is encoded by once they are there
    )


def read(settings: FitSettings) -> AnomalyData:
    """Read the table that the settings name, and prepare it.

    Raises:
        UserError: If it cannot be read, or nothing can be learned from it.
    """
    table = read_training_rows(settings)
    data = prepare(table, settings)
    sheet = replace(data.sheet, columns=describe_columns(table), sample=tuple(table.head(5)))
    return replace(data, sheet=sheet, table=table if settings.weights() else None)


def prepare(
    table: Table, settings: FitSettings, fewest: int = MIN_ROWS, encoder: TableEncoder | None = None
) -> AnomalyData:
    """Judge the columns, split, encode.

    Args:
        fewest: Rows to train on below which a table is refused.
        encoder: That of the weights which training starts from; by default one is fitted on the training rows.

    Raises:
        UserError: If nothing can be learned from the table.
    """
    label = _label_of_training(table, settings)
    is_anomaly = _labels(table, label, settings) if label else np.zeros(len(table), dtype=bool)
    only_normal = settings.train_on == "normal"
    usable = numbers_where(~is_anomaly) if only_normal else row_numbers(len(table))
    if len(usable) < fewest:
        raise UserError(f"{table.source} has {len(usable)} rows to train on: at least {fewest} are needed, {FEW_ROWS} or more to be useful.")  # fmt: skip
    np.random.default_rng(settings.seed).shuffle(usable)
    kept_back = _held_out_rows(len(usable), settings.eval_share)
    held_out, train = usable[:kept_back], usable[kept_back:]
    held_out.sort()
    train.sort()
    sampled = [] if encoder else sample_findings(len(train))
    encoder = encoder or _encoder(table, fitted_rows(train, settings.seed), label, settings)
    left_out = numbers_where(is_anomaly) if only_normal else usable[:0]
    order = joined([train, held_out, left_out])  # so that each part is a slice, and none is copied
    rows = encoder.encode_in_order(table, order)
    others = rows.select(slice(len(train), None))
    checks = check_rows(table, rows, is_anomaly[order], label, settings)
    findings = [*table.notices, *sampled, *split_column(table), *columns_found(table, encoder), *checks]
    evaluated, evaluation, anomalous, label = _evaluation(
        settings, encoder, table, others, held_out, is_anomaly, label, findings
    )
    feedback = read_feedback(settings, encoder)
    data = AnomalyData(
        encoder,
        rows.select(slice(0, len(train))),
        others.select(slice(0, len(held_out))),
        evaluation,
        evaluated,
        anomalous,
        label,
        Sheet(tuple(findings)),
    )
    return data if feedback is None else _with_feedback(data, feedback)


def _label_of_training(table: Table, settings: FitSettings) -> str:
    """The label's column; empty where only the evaluation file may have it: training rows are often all normal."""
    given = settings.label_column
    return find_label(table, given if given in table.names or not settings.eval_data else "")


def _held_out_rows(rows: int, share: float) -> int:
    """How many rows to keep back: a share of them, but enough to calibrate with where that is a tenth at most."""
    enough = MIN_CALIBRATION_ROWS if share and rows >= 10 * MIN_CALIBRATION_ROWS else 0
    return min(max(round(share * rows), enough), MAX_CALIBRATION_ROWS)


def _encoder(table: Table, train: np.ndarray, label: str, settings: FitSettings) -> TableEncoder:
    """Fitted on the training rows."""
    fitted_on = table.view(train)
    kinds = guess_column_types(
        fitted_on,
        parse_column_types(settings.columns, table.names),
        skip=[label] if label else [],
        literal=parse_literal_columns(settings.literal_columns, table.names),
    )
    return TableEncoder.fit(
        fitted_on,
        kinds,
        scaling=settings.scaling,
        min_count=settings.min_count,
        max_categories=settings.max_categories,
    )


def _with_feedback(data: AnomalyData, feedback: FeedbackRows) -> AnomalyData:
    """Add the labelled rows to training, and remove rows equal to them from calibration and evaluation."""
    kept, measured = feedback.unlike(data.held_out), feedback.unlike(data.evaluation)
    return replace(
        data,
        train=Encoded.joined([data.train.select(feedback.not_anomalous(data.train)), feedback.normal]),
        held_out=data.held_out.select(kept),
        evaluation=data.evaluation.select(measured),
        evaluated=data.evaluated.select(np.flatnonzero(measured)),
        anomalous=None if data.anomalous is None else data.anomalous[measured],
        labelled_anomalies=feedback.anomalous,
        sheet=data.sheet.with_findings([feedback.finding()]),
    )


def _labels(table: Table, label: str, settings: FitSettings) -> np.ndarray:
    return read_labels(shared(table.iter_strings(label)), label, settings.normal_value, table.source)


def _evaluation(
    settings: FitSettings,
    encoder: TableEncoder,
    trained_on: Table,
    others: Encoded,
    held_out: np.ndarray,
    is_anomaly: np.ndarray,
    label: str,
    findings: list[Finding],
) -> tuple[Table, Encoded, np.ndarray | None, str]:
    """The evaluation file, else the held-out rows and the labelled anomalies that training left out; and the label.

    Args:
        others: The held-out rows, then those anomalies.
    """
    if settings.eval_data:
        table = read_rows(Path(settings.eval_data)).spelled_as(
            [name for name in [label or settings.label_column] if name]
        )
        encoded = encoder.encode(table)
        own = _label_of_evaluation(table, label, settings)
        tally = Tally(encoder, aside=(own,))
        tally.add(table, encoded)
        findings += [Finding(one.level, f"{table.source}: {one.title}", one.detail) for one in tally.findings()]
        if label and not own:
            findings.append(Finding("amber", f"{table.source} has no column {label!r}", "AUROC needs labels, and is not measured."))  # fmt: skip
        return table, encoded, _labels(table, own, settings) if own else None, label or own
    chosen = held_out
    if label and settings.train_on == "normal" and len(held_out):
        chosen = np.concatenate([held_out, np.flatnonzero(is_anomaly)])
    has_both = bool(label) and len(np.unique(is_anomaly[chosen])) == 2
    evaluation = others.select(slice(0, len(chosen)))
    return trained_on.select(chosen), evaluation, is_anomaly[chosen] if has_both else None, label


def _label_of_evaluation(table: Table, label: str, settings: FitSettings) -> str:
    """The label's column of the evaluation file: that of training, else as given or by its name; empty if none."""
    return (label if label in table.names else "") if label else find_label(table, settings.label_column)
