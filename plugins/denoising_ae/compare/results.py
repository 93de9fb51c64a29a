"""Results of the experiment: means and 95 % intervals over seeds, differences paired by seed, as records and tables."""

from __future__ import annotations

from typing import Any

from plugins.denoising_ae.compare.autoencoder_task import DENOISING, PLAIN
from plugins.denoising_ae.compare.figures import Curves
from plugins.denoising_ae.compare.metrics import MULTIPLES
from training.artifact.confidence_intervals import t_interval
from training.figures import Baseline, Figure

Interval = tuple[float, float, float]  # mean, low, high
METRICS = {  # name -> label, whether more is better
    "train_mse": ("Error on training images", False),
    "eval_mse": ("Error on held-out images", False),
    "mse_at_1": ("Error on noisy held-out images", False),
    "manifold_distance": ("Distance of reconstructions to real images", False),
    "latent_shift": ("Shift of the representation by noise", False),
    "probe_clean": ("Linear probe", True),
    "probe_noisy": ("Linear probe, noisy images", True),
    "knn_clean": ("Nearest neighbours", True),
    "knn_noisy": ("Nearest neighbours, noisy images", True),
}

MEANINGS = {  # of the measures that a report begins with
    "probe_noisy": "Accuracy of a linear classifier on the codes of noisy held-out images.",
    "mse_at_1": "Mean squared error between the rebuilt and the clean image, the input being noisy.",
}


def summary(results: list[dict[str, Any]]) -> dict[tuple[str, str], Interval]:
    """(metric, arm) -> mean and 95 % interval over the seeds.

    Args:
        results: One dict per part: part, arm, seed, and the metrics.
    """
    by_arm = {arm: [result for result in results if result["arm"] == arm] for arm in (PLAIN, DENOISING)}
    names = [name for name in (results[0] if results else {}) if name not in ("part", "arm", "seed")]
    return {
        (name, arm): t_interval([result[name] for result in part_results])
        for name in names
        for arm, part_results in by_arm.items()
        if part_results
    }


def records(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For the API and the card: measure, arm, mean, low, high."""
    return [
        {"measure": name, "arm": arm, "mean": round(mean, 5), "low": round(low, 5), "high": round(high, 5)}
        for (name, arm), (mean, low, high) in summary(results).items()
    ]


def figures(results: list[dict[str, Any]]) -> list[Figure]:
    """The denoising autoencoder beside the plain one: what its code is worth under noise, and its error there."""
    means, shown = summary(results), []
    for name, meaning in MEANINGS.items():
        if {(name, PLAIN), (name, DENOISING)} <= means.keys():
            label, more_is_better = METRICS[name]
            mean, low, high = _paired_difference(results, name) or (0.0, 0.0, 0.0)
            plain = Baseline("the plain autoencoder", means[name, PLAIN][0])
            value, unit, tolerance = (
                means[name, DENOISING][0],
                "%" if more_is_better else "",
                max(high - mean, mean - low),
            )
            figure = Figure(f"{name}_{DENOISING}", label, value, meaning, (plain,), more_is_better, unit, tolerance)
            shown.append(figure)
    return shown


def comparison_table(results: list[dict[str, Any]]) -> dict[str, list]:
    """A row per metric: plain, denoising, and their difference paired by seed."""
    intervals, rows = summary(results), []
    for name, (label, more_is_better) in METRICS.items():
        if (name, PLAIN) not in intervals:
            continue
        cells = [_cell(intervals.get((name, arm))) for arm in (PLAIN, DENOISING)]
        difference = _cell(_paired_difference(results, name), "+")
        rows.append([label, *cells, difference, "more" if more_is_better else "less"])
    return {"columns": ["measure", PLAIN, DENOISING, "denoising minus plain", "better is"], "rows": rows}


def _paired_difference(results: list[dict[str, Any]], name: str) -> Interval | None:
    values = {(result["arm"], result["seed"]): result[name] for result in results if name in result}
    differences = [
        value - values[PLAIN, seed]
        for (arm, seed), value in values.items()
        if arm == DENOISING and (PLAIN, seed) in values
    ]
    return t_interval(differences) if differences else None


def curves(results: list[dict[str, Any]], levels: list[float]) -> Curves:
    """Arm -> (level, mean error, low, high) at each level."""
    intervals = summary(results)
    return {
        arm: [
            (level, *intervals[f"mse_at_{multiple:g}", arm]) for multiple, level in zip(MULTIPLES, levels, strict=True)
        ]
        for arm in (PLAIN, DENOISING)
        if ("mse_at_1", arm) in intervals
    }


def curve_table(results: list[dict[str, Any]], levels: list[float]) -> dict[str, list]:
    """A row per noise level: each arm's error with its interval."""
    by_arm = curves(results, levels)
    rows = [
        [f"{level:g}", *(_cell(curve[index][1:]) for curve in by_arm.values())] for index, level in enumerate(levels)
    ]
    return {"columns": ["noise level", *by_arm], "rows": rows}


def _cell(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return ""
    mean, low, high = (f"{value:{sign}.4f}" for value in interval)
    return f"{mean} ({low} to {high})"
