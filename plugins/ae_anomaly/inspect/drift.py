"""Drift of new rows from the training rows: per column, and in their scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import ks_2samp

from plugins.ae_anomaly.detector.file_scores import file_scores
from training.data.table_stream import stream_table
from training.data.tabular.features import ABSENT, HIDDEN, RARE, CategoryFeature, NumberFeature

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

LEAST_SHARE = 1e-3  # stands for an empty bin, so that its logarithm exists
MOST_ROWS = 200_000  # the first of a larger file are compared
HEADERS = ["column", "stability index", "largest gap", "unseen cells", "missing now", "missing in training"]
LARGE, SOME = 0.25, 0.1  # of the stability index (Siddiqi, 2006)


def measure_drift(model: AnomalyPredictor, file: Path) -> dict[str, Any]:
    """In words what moved, and a row a column, the worst first: see HEADERS.

    The largest gap is that between the two distribution functions (Kolmogorov, 1933) of a number, and half the sum of
    the differences of shares of a category.
    """
    rows = model.encoder.encode(next(iter(stream_table(file, MOST_ROWS))))
    index, gap = (dict.fromkeys(model.encoder.columns, 0.0) for _ in range(2))
    absent: dict[str, tuple[float, float]] = {}
    for place, number in enumerate(model.encoder.numbers):
        values = rows.numbers[:, place]
        known = values[~np.isnan(values)]
        absent[number.column] = (1 - len(known) / max(1, len(values)), 0.0)
        if len(known):
            index[number.column] = max(index[number.column], number_index(number, known))
            gap[number.column] = max(gap[number.column], number_gap(number, known))
    for place, category in enumerate(model.encoder.categories):
        old, new = category_shares(category, rows.categories[:, place])
        index[category.column] = max(index[category.column], stability_index(old, new))
        gap[category.column] = max(gap[category.column], float(np.abs(old - new).sum() / 2))
        absent[category.column] = (float(new[ABSENT - 1]), float(old[ABSENT - 1]))
    unseen = dict(zip(model.encoder.columns, rows.unseen.mean(0), strict=True))
    ordered = sorted(index, key=lambda name: (-index[name], -unseen[name]))
    return {
        "said": f"{_moved(index, ordered)} {_scores_moved(model, file)}",
        "headers": HEADERS,
        "data": [
            [name, round(index[name], 3), round(gap[name], 3), f"{unseen[name]:.1%}"] + [f"{share:.1%}" for share in absent.get(name, (0.0, 0.0))]
            for name in ordered
        ],
    }  # fmt: skip


def number_index(feature: NumberFeature, scaled: np.ndarray) -> float:
    """Stability index over the training rows' tenths."""
    quantiles = feature.scaler.scaled(np.asarray(feature.scaler.quantiles))
    edges = np.unique(quantiles[10:100:10])
    old = np.diff([0.0, *(np.searchsorted(quantiles, edges, side="right") / len(quantiles)), 1.0])
    new = np.bincount(np.searchsorted(edges, scaled), minlength=len(edges) + 1) / len(scaled)
    return stability_index(old, new)


def number_gap(feature: NumberFeature, scaled: np.ndarray) -> float:
    """The largest distance between the distribution functions, taken at the training rows' distinct percentiles."""
    quantiles = feature.scaler.scaled(np.asarray(feature.scaler.quantiles))
    edges, ordered = np.unique(quantiles), np.sort(scaled)
    gaps = []
    for side in ("left", "right"):  # where a value is frequent both functions jump, and are compared before and after
        old = np.searchsorted(quantiles, edges, side=side) / len(quantiles)
        gaps.append(np.abs(old - np.searchsorted(ordered, edges, side=side) / len(ordered)))
    return float(np.max(gaps))


def category_shares(feature: CategoryFeature, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of missing, rare (with unseen) and each value in training and now, (ids - 1,)."""
    old = np.asarray(feature.counts) / max(1, sum(feature.counts))
    new = np.bincount(ids, minlength=feature.size) / max(1, len(ids))
    new[RARE] += new[HIDDEN]
    return old[1:], new[1:]


def stability_index(expected: np.ndarray, shares: np.ndarray) -> float:
    """Sum of (new - old) log(new / old) over bins (Siddiqi, 2006); 0 where nothing changed."""
    old, new = np.maximum(expected, LEAST_SHARE), np.maximum(shares, LEAST_SHARE)
    return float(((new - old) * np.log(new / old)).sum())


def _moved(index: dict[str, float], ordered: list[str]) -> str:
    large = [name for name in ordered if index[name] > LARGE]
    some = sum(SOME < value <= LARGE for value in index.values())
    if not large:
        return f"No column moved far; {some} moved a little." if some else "No column moved."
    return f"**{len(large)} of {len(index)} columns moved far**: {', '.join(f'`{name}`' for name in large[:8])}; {some} a little."


def _scores_moved(model: AnomalyPredictor, file: Path) -> str:
    """Whether the file's rows are more anomalous than clean ones, in all."""
    found = file_scores(model, file)
    test: Any = ks_2samp(found.scores[:MOST_ROWS], model.calibration.scores)
    share = float((found.p_values <= 0.05).mean())
    return f"Scores: {share:.1%} of the rows have a p-value up to 0.05 (5 % of normal rows would); largest gap to clean rows {test.statistic:.2f} (p {test.pvalue:.2g})."
