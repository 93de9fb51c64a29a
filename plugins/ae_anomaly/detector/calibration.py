"""Calibration of row errors to anomaly scores and p-values, on clean rows the network has not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from plugins.ae_anomaly.detector.row_errors import RowErrors
from training.nn.tabular_autoencoder import NetworkConfig

# Weights of the parts of a score: docs/experiments/ae_anomaly.md#parts-of-the-score
OF_ERRORS, OF_CATEGORIES, OF_INPUT, OF_LATENT = 1.0, 0.15, 0.5, 0.2
TAIL = 0.1  # share of the calibration rows that show how a tail falls
LEAST_SURPRISE = 0.1  # nats, added before the logarithm: most clean rows have none


@dataclass(frozen=True, eq=False)
class Calibration:
    """What clean rows score, so that members, columns and distances are comparable.

    Args:
        mean: Of each part on clean rows, (parts,).
        scale: Deviation of each part, (parts,).
        weights: What each part counts in the score, (parts,).
        scores: Scores of the clean rows, ascending, (rows,).
        columns: Log errors a column of the clean rows, each column ascending, (rows, columns).
        by_tails: Whether the first part is replaced by what the columns' surprise comes to: of tables of categories
            alone, docs/experiments/ae_anomaly.md#two-valued-columns-how-far-in-its-tail-each-error-lies.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    columns: np.ndarray
    by_tails: bool = False

    @classmethod
    def of(cls, clean: RowErrors, weights: np.ndarray, by_tails: bool = False) -> Calibration:
        """Measure the probe of clean rows."""
        nothing = np.zeros(1)
        made = cls(nothing, nothing, weights, nothing, np.sort(clean.columns, axis=0), by_tails)
        parts = made._parts(clean, among=True)
        made = replace(made, mean=parts.mean(0), scale=np.maximum(parts.std(0), 0.1))
        return replace(made, scores=np.sort(made._weighted(parts)))

    def score(self, rows: RowErrors) -> np.ndarray:
        """Anomaly scores, (rows,): weighted z-scores of log errors; clean rows have about 0."""
        return self._weighted(self._parts(rows))

    def _weighted(self, parts: np.ndarray) -> np.ndarray:
        weighted = (parts - self.mean) / self.scale * self.weights
        # A matrix product rounds by the number of rows, and a sum by how the array lies in memory.
        return np.ascontiguousarray(weighted).sum(1)

    def _parts(self, rows: RowErrors, among: bool = False) -> np.ndarray:
        if not self.by_tails:
            return rows.parts
        surprise = np.ascontiguousarray(np.maximum(self.column_surprise(rows, among) - 1.0, 0.0)).sum(1)
        return np.column_stack([np.log(surprise + LEAST_SURPRISE), rows.parts[:, 1:]])

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """Conformal p-values: (1 + clean rows at least as anomalous) / (1 + clean rows) (Bates et al., 2023, eq. 2)."""
        above = len(self.scores) - np.searchsorted(self.scores, scores, side="left")
        return (1 + above) / (1 + len(self.scores))

    def column_surprise(self, rows: RowErrors, among: bool = False) -> np.ndarray:
        """Nats of surprise a column, (rows, columns): -log of the share of clean rows with at least that error.

        Beyond the worst clean row the tail goes on falling as its last tenth does.

        Args:
            among: Whether these are the clean rows themselves: each is compared with the others, as a new row would be.
        """
        known, count = self.columns, len(self.columns) - among
        tail = known[-max(1, int(TAIL * count)) :]
        slope = np.maximum((tail - tail[0]).mean(0), 0.1)
        found = np.empty_like(rows.columns)
        for place in range(known.shape[1]):
            errors, ascending = rows.columns[:, place], known[:, place]
            above = count - np.searchsorted(ascending, errors, side="left")
            worst = np.where(among & (errors >= ascending[-1]), ascending[-1 - among], ascending[-1])
            beyond = np.maximum(0.0, errors - worst) / slope[place]
            found[:, place] = -np.log((1 + above) / (1 + count)) + beyond
        return found

    def shares(self, rows: RowErrors) -> np.ndarray:
        """Each column's share of what is anomalous in a row, (rows, columns), summing to 1, or to 0 where nothing is.

        An average column has none, and none has a cell that is what the network expects.
        """
        surprise = np.maximum(self.column_surprise(rows) - 1.0, 0.0)
        if rows.as_expected is not None:
            surprise = np.where(rows.as_expected, 0.0, surprise)
        return surprise / np.maximum(surprise.sum(1, keepdims=True), 1e-9)


def part_weights(config: NetworkConfig, memory: bool, has_surprise: bool) -> np.ndarray:
    """What each part of a probe counts: errors 1 in all (categories 0.15 of it, where there are any), the distances less.

    Codes of tables with categories say which categories a row has more than how anomalous it is: their distance does not count.
    """
    members = config.members
    of_numbers = np.full(2 * members, OF_ERRORS / (2 * members)) if config.numbers else np.zeros(0)
    of_categories = OF_CATEGORIES if config.numbers else OF_ERRORS
    numbers = of_numbers * (1 - of_categories) if has_surprise else of_numbers
    distances = [OF_INPUT, 0.0 if has_surprise else OF_LATENT] if memory else []
    return np.concatenate([numbers, [of_categories if has_surprise else 0.0], distances])
