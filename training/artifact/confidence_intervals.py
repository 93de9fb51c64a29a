"""Scores per arm and number of labels (or examples) with 95 % confidence intervals: records, table, plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from training.data_url import figure_png

CONFIDENCE = 0.95
COLOURS = ("#6b7280", "#0f766e", "#b45309", "#7c3aed")


def summary(results: list[dict[str, Any]], metric: str = "accuracy", by: str = "labels") -> list[dict[str, Any]]:
    """Return one record per arm and number of labels (the key that `by` names): arm, labels, mean, low, high, seeds.

    The interval is Student's t over the seeds (each has labels and initial weights of its own). A single seed gets
    Wilson's interval (1927) over the evaluation rows, which covers less: not the variance over samples of labels.
    """
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault((result["arm"], result[by]), []).append(result)
    return [
        {"arm": arm, by: count, **_interval(group, metric), "seeds": len(group)}
        for (arm, count), group in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def gains(results: list[dict[str, Any]], over: str, metric: str = "accuracy") -> list[dict[str, Any]]:
    """Return the difference of each arm to the arm `over`, per number of labels: arm, labels, mean, low, high, seeds.

    Both results of a seed come from the same labels, so the interval is Student's t over paired differences: the
    variance over samples of labels, common to both, is not in it. A single seed gives no interval, and no record.
    """
    base = {(result["labels"], result["seed"]): result[metric] for result in results if result["arm"] == over}
    groups: dict[tuple[str, int], list[float]] = {}
    for result in results:
        sample = result["labels"], result["seed"]
        if result["arm"] != over and sample in base:
            groups.setdefault((result["arm"], result["labels"]), []).append(result[metric] - base[sample])
    return [
        {"arm": arm, "labels": labels, **_rounded(*t_interval(differences)), "seeds": len(differences)}
        for (arm, labels), differences in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0]))
        if len(differences) > 1
    ]


def t_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % interval by Student's t (1908); all three are the value where there is only one."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values))  # 0 where all are equal
    return mean, mean - half, mean + half


def _rounded(mean: float, low: float, high: float) -> dict[str, float]:
    return {"mean": round(mean, 4), "low": round(low, 4), "high": round(high, 4)}


def _interval(results: list[dict[str, Any]], metric: str) -> dict[str, float]:
    mean, low, high = t_interval([result[metric] for result in results])
    if len(results) == 1:
        rows = results[0]["eval_rows"]
        low, high = stats.binomtest(round(mean * rows), rows).proportion_ci(CONFIDENCE, method="wilson")
    return _rounded(mean, max(0.0, float(low)), min(1.0, float(high)))


def table(
    records: list[dict[str, Any]],
    gained: Sequence[dict[str, Any]] = (),
    over: str = "",
    by: str = "labels",
) -> dict[str, list]:
    """Return a table: numbers of labels as rows, arms as columns, then their gains over one of them."""
    cells = {(record["arm"], record[by]): _cell(record) for record in records}
    cells |= {(f"{gain['arm']} over {over}", gain[by]): _cell(gain, "+") for gain in gained}
    arms = list(dict.fromkeys(arm for arm, _ in cells))
    counts = sorted({record[by] for record in records})
    rows = [[count, *(cells.get((arm, count), "") for arm in arms)] for count in counts]
    return {"columns": [by, *arms], "rows": rows}


def _cell(record: dict[str, Any], sign: str = "") -> str:
    return f"{record['mean']:{sign}.3f} ({record['low']:{sign}.3f} to {record['high']:{sign}.3f})"


def plot(
    records: list[dict[str, Any]],
    by: str = "labels",
    levels: dict[str, float] | None = None,
    what: str = "accuracy on held-out rows",
) -> bytes:
    """Plot a score against the number of labels (logarithmic) as PNG: one line per arm, its interval shaded.

    Args:
        levels: Name -> value of other scores, as dotted lines: chance, say.
        what: Label of the vertical axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for colour, arm in zip(COLOURS, dict.fromkeys(record["arm"] for record in records), strict=False):
        points = [record for record in records if record["arm"] == arm]
        counts = [record[by] for record in points]
        low, high = [record["low"] for record in points], [record["high"] for record in points]
        axes.plot(counts, [record["mean"] for record in points], "o-", color=colour, label=arm, markersize=4)
        axes.fill_between(counts, low, high, color=colour, alpha=0.15, linewidth=0)
    for name, level in (levels or {}).items():
        axes.axhline(level, color="#94a3b8", linestyle=":", linewidth=1)
        axes.annotate(name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7)
    ticks = sorted({record[by] for record in records})
    axes.set(xscale="symlog" if 0 in ticks else "log", xlabel=by, ylabel=what)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure_png(figure)
