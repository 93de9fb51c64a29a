"""A score of each arm at each number of labels (or examples), with 95 % confidence intervals, as rows and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.data_url import figure_png

CONFIDENCE = 0.95
COLOURS = ("#6b7280", "#0f766e", "#b45309", "#7c3aed")


def summary(results: list[dict[str, Any]], metric: str = "accuracy", by: str = "labels") -> list[dict[str, Any]]:
    """One record an arm and number of labels (what `by` names): arm, labels, mean, low, high, seeds.

    The interval is Student's t over the seeds (each has labels and initial weights of its own); of one seed it is
    Wilson's (1927) over the evaluation rows, which says less: nothing of other draws of the labels.
    """
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault((result["arm"], result[by]), []).append(result)
    return [
        {"arm": arm, by: count, **_interval(found, metric), "seeds": len(found)}
        for (arm, count), found in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


def gains(results: list[dict[str, Any]], over: str, metric: str = "accuracy") -> list[dict[str, Any]]:
    """What each arm scores above the arm `over` at each number of labels: arm, labels, mean, low, high, seeds.

    The two of a seed have the same labels, so the interval is Student's t over their differences: the draw of the labels,
    which moves both alike, is not in it. One seed gives no interval, and no record.
    """
    base = {(one["labels"], one["seed"]): one[metric] for one in results if one["arm"] == over}
    groups: dict[tuple[str, int], list[float]] = {}
    for one in results:
        if one["arm"] != over and (one["labels"], one["seed"]) in base:
            groups.setdefault((one["arm"], one["labels"]), []).append(one[metric] - base[one["labels"], one["seed"]])
    return [
        {"arm": arm, "labels": labels, **_rounded(*t_interval(found)), "seeds": len(found)}
        for (arm, labels), found in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0]))
        if len(found) > 1
    ]


def t_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Mean, and the ends of its 95 % interval by Student's t (1908); of one value all three are that value."""
    from scipy import stats

    found = np.asarray(values, dtype=float)
    mean = float(found.mean())
    if len(found) < 2:
        return mean, mean, mean
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
    return mean, mean - half, mean + half


def _rounded(mean: float, low: float, high: float) -> dict[str, float]:
    return {"mean": round(mean, 4), "low": round(low, 4), "high": round(high, 4)}


def _interval(found: list[dict[str, Any]], metric: str) -> dict[str, float]:
    from scipy import stats

    values = np.asarray([one[metric] for one in found], dtype=float)
    mean = float(values.mean())
    if len(values) > 1:
        _, low, high = t_interval(values)
    else:
        rows = found[0]["eval_rows"]
        interval = stats.binomtest(round(mean * rows), rows).proportion_ci(CONFIDENCE, method="wilson")
        low, high = interval.low, interval.high
    return _rounded(mean, max(0.0, float(low)), min(1.0, float(high)))


def table(
    records: list[dict[str, Any]],
    gained: Sequence[dict[str, Any]] = (),
    over: str = "",
    by: str = "labels",
) -> dict[str, list]:
    """Arms as columns, then what was gained over one of them; numbers of labels as rows."""
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
    """A PNG: a score against the number of labels (logarithmic), a line an arm, its interval shaded.

    Args:
        levels: Name -> what else is known, as dotted lines: chance, say.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for colour, arm in zip(COLOURS, dict.fromkeys(record["arm"] for record in records), strict=False):
        mine = [record for record in records if record["arm"] == arm]
        counts = [record[by] for record in mine]
        axes.plot(counts, [record["mean"] for record in mine], "o-", color=colour, label=arm, markersize=4)
        axes.fill_between(counts, [record["low"] for record in mine], [record["high"] for record in mine], color=colour, alpha=0.15, linewidth=0)  # fmt: skip
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
