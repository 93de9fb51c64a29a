"""Figures: histogram of scores, ROC and precision-recall curves, and a row's actual against its expected cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

NORMAL, ODD, PLAIN = "#0f766e", "#b45309", "#64748b"
SIZE = (4.8, 3.4)  # inches: text that can be read on a phone
BARS = 12
WIDE = 5.0  # times the other scores that the worst one is, from which on the axis is compressed
LONGEST = 22  # characters of a cell that a picture shows


def plot_histogram(clean: np.ndarray, scores: np.ndarray, limit: float) -> Any:
    """Scores of calibration rows and of the file, from the lowest to that of the worst row, with the threshold."""
    from matplotlib.figure import Figure

    low = float(min(clean.min(), scores.min()))
    high = float(max(scores.max(), limit, clean.max())) + 1e-6
    is_wide = high > WIDE * max(1.0, float(np.quantile(scores, 0.995)), float(clean.max()))
    bins = np.sinh(np.linspace(np.arcsinh(low), np.arcsinh(high), 50)) if is_wide else np.linspace(low, high, 50)
    bins[-1] = max(bins[-1], high)
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("asinh" if is_wide else "linear")  # one row far out would leave the others a single bar
    axes.hist(clean, bins.tolist(), density=True, alpha=0.6, color=NORMAL, label="calibration rows")
    axes.hist(scores, bins.tolist(), density=True, alpha=0.5, color=ODD, label="this file")
    axes.axvline(limit, color="black", linestyle="--", label=f"threshold {limit:.2f}")
    axes.set(xlabel="anomaly score", yscale="log", ylabel="density")
    axes.legend()
    return figure


def plot_curves(is_anomaly: np.ndarray, scores: np.ndarray, limit: float) -> tuple[Any, Any]:
    """Figures of ROC and of precision against recall, with the threshold as a dot."""
    from matplotlib.figure import Figure

    called = scores >= limit
    recall = (is_anomaly & called).sum() / is_anomaly.sum()
    false_alarms, precision = (
        (~is_anomaly & called).sum() / (~is_anomaly).sum(),
        (is_anomaly & called).sum() / max(1, called.sum()),
    )
    figures = Figure(figsize=SIZE, layout="constrained"), Figure(figsize=SIZE, layout="constrained")
    left, right = (figure.subplots() for figure in figures)
    left.plot(*roc_curve(is_anomaly, scores)[:2], color=NORMAL)
    left.plot([0, 1], [0, 1], color=PLAIN, linestyle=":")
    left.plot(false_alarms, recall, "o", color=ODD)
    left.set(
        title=f"ROC, area {roc_auc_score(is_anomaly, scores):.3f}", xlabel="false alarms / normal rows", ylabel="recall"
    )
    precisions, recalls, _ = precision_recall_curve(is_anomaly, scores)
    right.plot(recalls, precisions, color=NORMAL)
    right.axhline(is_anomaly.mean(), color=PLAIN, linestyle=":")
    right.plot(recall, precision, "o", color=ODD)
    title = f"precision and recall, average {average_precision_score(is_anomaly, scores):.3f}"
    right.set(title=title, xlabel="recall", ylabel="precision", ylim=(0, 1.03))
    return figures


def plot_expected(columns: list[dict[str, Any]]) -> Any:
    """For the most anomalous columns: share of what is anomalous, and where actual (dot) and expected (diamond) lie among the training rows.

    Args:
        columns: Of `explain`, the most anomalous first; "percentile" and "expected_percentile" where they are numbers.
    """
    from matplotlib.figure import Figure

    shown = columns[:BARS][::-1]
    places = range(len(shown))
    figure = Figure(figsize=(9, 1.1 + 0.36 * len(shown)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 3))
    left.barh(places, [one["share"] for one in shown], color=ODD)
    left.set_yticks(places, [_short(one["column"]) for one in shown])
    left.set(xlabel="share of what is anomalous", xlim=(0, 1))
    for place, one in zip(places, shown, strict=True):
        _draw_cell(right, place, one)
    right.set(xlabel="percentile of the training rows (numbers)", xlim=(-3, 170), xticks=[0, 25, 50, 75, 100])
    right.set_title("● actual   ◇ expected", fontsize=10)
    return figure


def _draw_cell(axes: Any, place: int, one: dict[str, Any]) -> None:
    actual, expected = _short(one["actual"]), _short(one["expected"])
    same = actual == expected
    if one["percentile"] is not None and one["expected_percentile"] is not None:
        axes.plot([one["percentile"], one["expected_percentile"]], [place, place], color=PLAIN, linewidth=1)
        axes.plot(one["expected_percentile"], place, "D", color=NORMAL, fillstyle="none")
        axes.plot(one["percentile"], place, "o", color=ODD)
    axes.text(104, place, actual if same else f"{actual} → {expected}", va="center", fontsize=8)


def _short(cell: object) -> str:
    text = "(missing)" if cell in (None, "") else str(cell).replace("$", r"\$")  # matplotlib reads formulas between $
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
