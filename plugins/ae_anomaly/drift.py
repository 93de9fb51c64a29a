"""How far new rows are from the training rows, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from training.data import read_table
from training.tabular.encoder import RARE

LEAST_SHARE = 1e-3  # stands for an empty bin, so that its logarithm exists


def drift(model: Any, file: Path) -> list[list[Any]]:
    """Columns, the worst first: name, population stability index, share of cells unlike any of training."""
    rows = model.encoder.encode(read_table(file))
    found: dict[str, float] = dict.fromkeys(model.encoder.columns, 0.0)
    for place, feature in enumerate(model.encoder.numbers):
        edges = np.unique(feature.scaler.scaled(np.asarray(feature.scaler.quantiles[10:100:10])))
        known = rows.numbers[:, place][~np.isnan(rows.numbers[:, place])]
        if len(known):
            shares = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1) / len(known)
            trained = feature.scaler.scaled(np.asarray(feature.scaler.quantiles))
            expected = np.bincount(np.searchsorted(edges, trained), minlength=len(edges) + 1) / len(trained)
            found[feature.column] = max(found[feature.column], stability_index(expected, shares))
    for place, feature in enumerate(model.encoder.categories):
        shares = np.bincount(rows.categories[:, place], minlength=feature.size) / max(1, len(rows))
        expected = np.asarray(feature.counts) / max(1, sum(feature.counts))
        shares[RARE] += shares[0]
        found[feature.column] = max(found[feature.column], stability_index(expected[1:], shares[1:]))
    unseen = dict(zip(model.encoder.columns, rows.unseen.mean(0), strict=True))
    ordered = sorted(found, key=lambda name: (-found[name], -unseen[name]))
    return [[name, round(found[name], 3), f"{unseen[name]:.1%}"] for name in ordered]


def stability_index(expected: np.ndarray, shares: np.ndarray) -> float:
    """Sum of (new - old) log(new / old) over bins (Siddiqi, 2006); 0 where nothing changed."""
    old, new = np.maximum(expected, LEAST_SHARE), np.maximum(shares, LEAST_SHARE)
    return float(((new - old) * np.log(new / old)).sum())
