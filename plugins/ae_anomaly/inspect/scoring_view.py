"""View of a scored file: its alerts at a threshold, and the reasons of one row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from plugins.ae_anomaly.detector.file_scores import FileScores, file_scores
from plugins.ae_anomaly.detector.records import read_row
from plugins.ae_anomaly.detector.scored_file import write_scored_file
from plugins.ae_anomaly.detector.thresholds import parse_threshold
from plugins.ae_anomaly.fit.labels import read_labels
from plugins.ae_anomaly.inspect import figures
from training.data.table_stream import stream_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

SHOWN = 30
WORST = ["row", "score", "reasons", "alert"]  # no more than a phone shows; the scored file has the p-values


def scoring_view(model: AnomalyPredictor, file: Path, threshold: str) -> dict[str, Any]:
    """Where the threshold lies, the range that it may be moved in, and everything of `at_limit`."""
    found = file_scores(model, file)
    limit = parse_threshold(threshold, model.calibration.scores, found.scores, found.p_values)
    low = float(min(model.calibration.scores[0], found.scores.min()))
    high = float(max(model.calibration.scores[-1], found.scores.max(), limit))
    return {"limit": limit, "range": (low, high), **view_at_threshold(model, file, limit)}


def view_at_threshold(model: AnomalyPredictor, file: Path, limit: float) -> dict[str, Any]:
    """Words, histogram, curves where there are labels, and the most anomalous rows, with alerts from this score on."""
    found = file_scores(model, file)
    is_anomaly = _labels(model, file)
    words = [_alerts(model, found, limit), *_why_none(model, found, limit)]
    words += [_worth(model.label, is_anomaly, found.scores, limit)] if is_anomaly is not None else []
    words += [f"⚠ {one.title}. {one.detail}" for one in found.findings if one.level == "amber"]
    return {
        "said": "\n\n".join(words),
        "figure": figures.plot_histogram(model.calibration.scores, found.scores, limit),
        "curves": figures.plot_curves(is_anomaly, found.scores, limit) if is_anomaly is not None else (None, None),
        "worst": {"headers": WORST, "data": _worst(model, found, limit)},
    }


def write_scored_at(model: AnomalyPredictor, file: Path, limit: float) -> Path:
    """The scored file, with anomalies called at this threshold."""
    return write_scored_file(model, file, file_scores(model, file), limit)


def explain_row(model: AnomalyPredictor, file: Path, row: int) -> dict[str, Any]:
    """Words, picture and cells of one row, counted from 1."""
    found = model.explain(read_row(model, file, row))
    changes = ", ".join(f"{name} → {value}" for name, value in found["repair"]["changes"].items())
    after = "" if not changes else f" Changed to be normal: {changes} (score {found['repair']['anomaly_score']:.2f})."
    verdict = "an anomaly" if found["is_anomalous"] else "normal"
    said = f"Row {row}: score **{found['anomaly_score']:.3f}**, p-value {found['p_value']:.4f}, {verdict} at the 99th percentile.{after}"
    data = [[one["column"], one["actual"], one["expected"], f"{one['share']:.0%}"] for one in found["columns"]]
    return {
        "said": said,
        "figure": figures.plot_expected(found["columns"]),
        "cells": {"headers": ["column", "actual", "expected", "share"], "data": data},
    }


def _alerts(model: AnomalyPredictor, found: FileScores, limit: float) -> str:
    count, clean = int((found.scores >= limit).sum()), model.calibration.scores
    expected = float((clean >= limit).mean()) * len(found)
    ties = int((found.scores == limit).sum())
    equal = f" {ties:,} rows share the score of the threshold: they are called together." if ties > 1 else ""
    return (
        f"**{count:,} alerts** in {len(found):,} rows, from a score of {limit:.3f} on; "
        f"{expected:,.1f} would be expected among normal rows.{equal}"
    )


def _why_none(model: AnomalyPredictor, found: FileScores, limit: float) -> list[str]:
    """Why there is no alert: a p-value cannot be below that of a row beyond all calibration rows."""
    if (found.scores >= limit).any():
        return []
    smallest = 1 / (len(model.calibration.scores) + 1)
    return [
        f"No row reaches this threshold; the highest score is {found.scores.max():.3f}. A false discovery rate needs small "
        f"p-values: with {len(model.calibration.scores):,} calibration rows none can be below {smallest:.4f}, and the "
        f"smallest here is {found.p_values.min():.4f}. Choose a quantile or a number of alerts, or allow a higher rate."
    ]


def _worth(label: str, is_anomaly: np.ndarray, scores: np.ndarray, limit: float) -> str:
    called = scores >= limit
    precision, recall = (
        (is_anomaly & called).sum() / max(1, called.sum()),
        (is_anomaly & called).sum() / is_anomaly.sum(),
    )
    areas = f"AUROC {roc_auc_score(is_anomaly, scores):.3f}, average precision {average_precision_score(is_anomaly, scores):.3f}"
    return f"By the column `{label}`: {areas}; at this threshold precision {precision:.0%}, recall {recall:.0%}."


def _labels(model: AnomalyPredictor, file: Path) -> np.ndarray | None:
    """Which rows the file itself calls anomalies; None where it does not say, or says the same of all."""
    parts = []
    for piece in stream_table(file):
        if not model.label or model.label not in piece.names:
            return None
        parts.append([cell or "" for cell in piece.strings(model.label)])
    values = [value for part in parts for value in part]
    try:
        is_anomaly = read_labels(values, model.label, model.normal_value, file.name)
    except UserError:  # labels of another kind than in training: scored without them
        return None
    return is_anomaly if 0 < is_anomaly.sum() < len(is_anomaly) else None


def _worst(model: AnomalyPredictor, found: FileScores, limit: float) -> list[list[Any]]:
    order = np.argsort(-found.scores, kind="stable")[:SHOWN]
    words = found.reasons.words(model.encoder.columns, order).to_pylist()
    return [
        [
            int(row) + 1,
            round(float(found.scores[row]), 3),
            reasons,
            "yes" if found.scores[row] >= limit else "",
        ]
        for row, reasons in zip(order, words, strict=True)
    ]
