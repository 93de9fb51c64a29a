"""What the anomaly desk shows: alerts of a file, the reasons of a row, the map of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from plugins.ae_anomaly import answers
from plugins.ae_anomaly.labels import read_labels
from plugins.ae_anomaly.thresholds import threshold_of
from training.data import Table, read_table
from training.errors import UserError

SHOWN, MAPPED, BARS = 30, 3000, 12
NORMAL, ODD = "#0f766e", "#b45309"


def desk(model: Any, file: Path, threshold: str) -> dict[str, Any]:
    """Words, histogram, oddest rows and the scored file."""
    table = read_table(file)
    scores, p_values, found, findings = model.scores(table)
    limit = threshold_of(threshold, model.calibration.scores, scores, p_values)
    order = np.argsort(-scores, kind="stable")[:SHOWN]
    reasons = model.reasons(found)
    rows = [[int(row) + 1, round(float(scores[row]), 3), round(float(p_values[row]), 4), "yes" if scores[row] >= limit else "", "; ".join(f"{name} {share:.0%}" for name, share in reasons[row])] for row in order]  # fmt: skip
    count = int((scores >= limit).sum())
    expected = float((model.calibration.scores >= limit).mean()) * len(table)
    words = [
        f"**{count:,} alerts** in {len(table):,} rows, from a score of {limit:.3f} on; {expected:,.1f} would be expected among normal rows."
    ]
    words += _measured(model, table, scores, limit)
    words += [f"⚠ {one.title}. {one.detail}" for one in findings if one.level == "amber"]
    return {
        "said": "\n\n".join(words),
        "figure": _histogram(model.calibration.scores, scores, limit),
        "worst": {"headers": ["row", "score", "p-value", "alert", "reasons"], "data": rows},
        "file": str(answers.score_file(model, file, threshold)),
    }


def why(model: Any, file: Path, row: int) -> dict[str, Any]:
    """Words, shares and cells of one row, counted from 1."""
    table = read_table(file)
    if not 1 <= row <= len(table):
        raise UserError(f"Row {row} was given; the file has rows 1 to {len(table)}.")
    cells = {name: table.select([row - 1]).strings(name)[0] for name in table.names if name in model.encoder.columns}
    found = answers.explain(model, cells)
    changes = ", ".join(f"{name} → {value}" for name, value in found["repair"]["changes"].items())
    after = "" if not changes else f" Changed to be normal: {changes} (score {found['repair']['anomaly_score']:.2f})."
    said = f"Row {row}: score **{found['anomaly_score']:.3f}**, p-value {found['p_value']:.4f}, {'an anomaly' if found['is_anomalous'] else 'normal'} at the 99th percentile.{after}"  # fmt: skip
    data = [[one["column"], one["actual"], one["expected"], f"{one['share']:.0%}"] for one in found["columns"]]
    return {
        "said": said,
        "figure": _bars(found["columns"][:BARS]),
        "cells": {"headers": ["column", "actual", "expected", "share"], "data": data},
    }


def latent_map(model: Any, file: Path) -> Any:
    """Rows on the first two principal components of their latent features, as a figure."""
    from matplotlib.figure import Figure

    table = read_table(file)
    scores, _, found, _ = model.scores(table.select(np.arange(min(len(table), MAPPED))))
    centred = found.latent - found.latent.mean(0)
    places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    dots = axes.scatter(
        places[:, 0], places[:, -1], c=scores, s=14, cmap="viridis", vmax=float(np.quantile(scores, 0.99))
    )
    figure.colorbar(dots, label="anomaly score")
    axes.set(xlabel="first component", ylabel="second")
    return figure


def _measured(model: Any, table: Table, scores: np.ndarray, limit: float) -> list[str]:
    """Where the file has the label's column: what the score and the threshold are worth."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if not model.label or model.label not in table.names:
        return []
    odd = read_labels(table, model.label, "")
    if len(np.unique(odd)) < 2:
        return []
    called = scores >= limit
    precision = (odd & called).sum() / max(1, called.sum())
    return [f"By the column `{model.label}`: AUROC {roc_auc_score(odd, scores):.3f}, average precision {average_precision_score(odd, scores):.3f}; at this threshold precision {precision:.0%}, recall {(odd & called).sum() / odd.sum():.0%}."]  # fmt: skip


def _histogram(clean: np.ndarray, scores: np.ndarray, limit: float) -> Any:
    from matplotlib.figure import Figure

    low, high = float(min(clean.min(), scores.min())), float(np.quantile(scores, 0.995))
    bins = np.linspace(low, max(high, limit, float(clean.max())) + 1e-6, 50).tolist()
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    axes.hist(clean, bins, density=True, alpha=0.6, color=NORMAL, label="calibration rows")
    axes.hist(scores, bins, density=True, alpha=0.5, color=ODD, label="this file")
    axes.axvline(limit, color="black", linestyle="--", label=f"threshold {limit:.2f}")
    axes.set(xlabel="anomaly score", yscale="log", ylabel="density")
    axes.legend()
    return figure


def _bars(columns: list[dict[str, Any]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.6 + 0.3 * len(columns)), layout="constrained")
    axes = figure.subplots()
    axes.barh([one["column"] for one in columns][::-1], [one["share"] for one in columns][::-1], color=ODD)
    axes.set(xlabel="share of what is odd")
    return figure
