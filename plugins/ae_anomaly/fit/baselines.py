"""What simpler models reach on the same rows: a guess by each column alone, and principal components."""

from __future__ import annotations

import math

import numpy as np
import torch
from sklearn.decomposition import PCA

from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import HIDDEN, Encoded
from training.nn.tabular_autoencoder import row_errors

MAX_ROWS = 5000  # that the components are fitted on
MAX_VALUES = 50  # of a category that becomes columns of 0 and 1
MAX_NUMBER = 10.0  # standard deviations, beyond which a number counts as that
KEPT_VARIANCE = 0.9
Z_95 = 1.96


def marginal_errors(train: Encoded, rows: Encoded, encoder: TableEncoder, weights: torch.Tensor) -> np.ndarray:
    """The reconstruction error of guessing each column's mean, and its values by their frequency, (rows,).

    Args:
        weights: Of the categories' cross entropies, as the network's own loss has them.
    """
    known = [np.isfinite(piece.numbers) for piece in train.pieces()]
    sums = [np.where(here, piece.numbers, 0).sum(0) for here, piece in zip(known, train.pieces(), strict=True)]
    means = np.sum(sums, 0) / np.maximum(1, np.sum([here.sum(0) for here in known], 0))
    squared = np.where(np.isfinite(rows.numbers), np.nan_to_num(rows.numbers) - means, 0) ** 2
    entropy = np.zeros(rows.categories.shape, np.float32)
    for column, feature in enumerate(encoder.categories):
        size = max(len(feature.counts), 1 + int(train.categories[:, column].max(initial=0)))
        size = max(size, 1 + int(rows.categories[:, column].max(initial=0)))
        counts = np.bincount(train.categories[:, column], minlength=size) + 1.0
        ids = rows.categories[:, column]
        entropy[:, column] = np.where(ids == HIDDEN, 0, np.log(counts.sum()) - np.log(counts[ids]))
    errors = row_errors(torch.from_numpy(squared.astype(np.float32)), torch.from_numpy(entropy), weights)
    return errors.numpy()


def pca_errors(train: Encoded, rows: Encoded) -> np.ndarray | None:
    """Squared distance of each row from the components that hold most variance, (rows,); None without two columns."""
    chosen = train.select(np.random.default_rng(0).permutation(len(train))[:MAX_ROWS])
    sizes = [1 + int(chosen.categories[:, column].max(initial=0)) for column in range(chosen.categories.shape[1])]
    fitted, features = _features(chosen, sizes), _features(rows, sizes)
    if fitted.shape[1] < 2 or len(fitted) < 2 or not fitted.var(0).sum():
        return None
    components = PCA(KEPT_VARIANCE, svd_solver="full").fit(fitted)
    return np.square(features - components.inverse_transform(components.transform(features))).sum(1)


def _features(rows: Encoded, sizes: list[int]) -> np.ndarray:
    """Numbers, and categories of few values as columns of 0 and 1."""
    parts = [np.clip(np.nan_to_num(rows.numbers), -MAX_NUMBER, MAX_NUMBER)]
    for column, size in enumerate(sizes):
        if size <= MAX_VALUES:
            parts.append((rows.categories[:, column, None] == np.arange(size)).astype(np.float32))
    return np.concatenate(parts, 1)


def auroc_tolerance(value: float, anomalies: int, normal: int) -> float:
    """Half of the 95 % interval of an AUROC (Hanley & McNeil, 1982, eq. 2)."""
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (anomalies - 1) * (first - value**2) + (normal - 1) * (second - value**2)
    return Z_95 * math.sqrt(max(0.0, spread) / max(1, anomalies * normal))
