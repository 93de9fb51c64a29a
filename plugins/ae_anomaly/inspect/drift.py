"""Drift of new rows from the training rows: per column, and in their scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import ks_2samp

from plugins.ae_anomaly.detector.file_scores import file_scores
from training.data.table_stream import stream_table
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import ABSENT, HIDDEN, RARE, CategoryFeature, Encoded, NumberFeature

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

LEAST_SHARE = 1e-3  # stands for an empty bin, so that its logarithm exists
MOST_ROWS = 200_000  # the first of a larger file are compared
HEADERS = ["column", "stability index", "largest gap", "unseen cells", "missing now", "missing in training"]
LARGE, SOME = 0.25, 0.1  # of the stability index (Siddiqi, 2006), beyond chance
TENTHS = 10  # bins of a number's index
MOSTLY = 0.2  # share of cells from which on it is said what happened to them


@dataclass
class ColumnDrift:
    """How far one column has moved.

    Args:
        index: Stability index over values, and over missing or not; the larger one.
        gap: Largest difference of the distribution functions, or of the shares missing.
        chance: The index that equal distributions would have by chance.
        unseen: Share of cells unlike any of training.
        missing: Share now, share in training.
    """

    index: float = 0.0
    gap: float = 0.0
    chance: float = 0.0
    unseen: float = 0.0
    missing: tuple[float, float] = (0.0, 0.0)

    def add(self, index: float, gap: float, chance: float = 0.0) -> None:
        """Take in one comparison: of those that differ, the one furthest beyond chance counts."""
        if index and (not self.index or index - chance > self.index - self.chance):
            self.index, self.chance = index, chance
        self.gap = max(self.gap, gap)

    def add_shares(self, old: float, new: float) -> None:
        """Take in how often something happened in training and now."""
        self.add(stability_index(np.asarray([old, 1 - old]), np.asarray([new, 1 - new])), abs(new - old))

    def moved(self, limit: float) -> bool:
        return self.index - self.chance > limit


def measure_drift(model: AnomalyPredictor, file: Path) -> dict[str, Any]:
    """In words what moved, and a row a column, the worst first: see HEADERS.

    The largest gap is that between the two distribution functions (Kolmogorov, 1933) of a number, and half the sum of
    the differences of shares of a category. That a column went missing, or a constant changed, is drift too.
    """
    rows = model.encoder.encode(next(iter(stream_table(file, MOST_ROWS))))
    columns = column_drift(model.encoder, rows)
    ordered = sorted(columns, key=lambda name: (columns[name].chance - columns[name].index, -columns[name].unseen))
    return {
        "said": f"{_moved(columns, ordered)} {_scores_moved(model, file)}",
        "headers": HEADERS,
        "data": [_line(name, columns[name]) for name in ordered],
    }


def _line(name: str, drift: ColumnDrift) -> list[Any]:
    shares = [f"{share:.1%}" for share in (drift.unseen, *drift.missing)]
    return [name, round(drift.index, 3), round(drift.gap, 3), *shares]


def column_drift(encoder: TableEncoder, rows: Encoded) -> dict[str, ColumnDrift]:
    """Compare encoded rows with the training rows, column by column."""
    columns = {
        name: ColumnDrift(unseen=float(share)) for name, share in zip(encoder.columns, rows.unseen.mean(0), strict=True)
    }
    for place, feature in enumerate(encoder.numbers):
        values = rows.numbers[:, place]
        known = values[~np.isnan(values)]
        drift = columns[feature.column]
        drift.missing = (1 - len(known) / max(1, len(values)), 0.0)
        if len(known):
            chance = (TENTHS - 1) * (1 / len(known) + 1 / max(1, encoder.rows))
            drift.add(number_index(feature, known), number_gap(feature, known), chance)
    for place, feature in enumerate(encoder.categories):
        drift = columns[feature.column]
        old, new = category_shares(feature, rows.categories[:, place])
        if not feature.part:
            chance = (int((old + new > 0).sum()) - 1) * (1 / max(1, len(rows.categories)) + 1 / max(1, encoder.rows))
            drift.add(stability_index(old, new), float(np.abs(old - new).sum() / 2), chance)
        drift.missing = (float(new[ABSENT - 1]), float(old[ABSENT - 1]))
    for name, drift in columns.items():
        now, before = drift.missing
        drift.add_shares(before, now)
        if name in encoder.constants:
            drift.add_shares(0.0, drift.unseen)
    return columns


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


def _moved(columns: dict[str, ColumnDrift], ordered: list[str]) -> str:
    large = [name for name in ordered if columns[name].moved(LARGE)]
    some = sum(drift.moved(SOME) for drift in columns.values()) - len(large)
    if not large:
        return f"No column moved far; {some} moved a little." if some else "No column moved."
    names = ", ".join(f"`{name}`{_why(columns[name])}" for name in large[:8])
    return f"**{len(large)} of {len(columns)} columns moved far**: {names}; {some} a little."


def _why(drift: ColumnDrift) -> str:
    """What is plain to see about a column that moved."""
    now, before = drift.missing
    if now - before > MOSTLY:
        return f" ({now:.0%} missing, {before:.0%} in training)"
    return f" ({drift.unseen:.0%} of its cells are unlike any of training)" if drift.unseen > MOSTLY else ""


def _scores_moved(model: AnomalyPredictor, file: Path) -> str:
    """Whether the file's rows are more anomalous than clean ones, in all."""
    found = file_scores(model, file)
    test: Any = ks_2samp(found.scores[:MOST_ROWS], model.calibration.scores)
    share = float((found.p_values <= 0.05).mean())
    return f"Scores: {share:.1%} of the rows have a p-value up to 0.05 (5 % of normal rows would); largest gap to clean rows {test.statistic:.2f} (p {test.pvalue:.2g})."
