"""What weights of `fit` answer over the API."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins._endpoints import Endpoints


class DetectAnomalies(Endpoints):
    """Anomaly scores, reasons and latent features of the rows of a table."""

    @abstractmethod
    def score_file(self, file: Path, threshold: str = "") -> Path:
        """Score every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

        Args:
            file: A table with the columns that the model was trained on, in any order.
            threshold: quantile=0.99 (the default: what 1 % of normal rows exceed), pot=0.001, fdr=0.1, alerts=20, or a score.

        Returns:
            A CSV file: the table's columns, then anomaly_score, p_value, is_anomalous (1 or 0) and reasons.
        """

    @abstractmethod
    def score(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Score a few rows.

        Args:
            rows: Records, column -> value; null where missing.

        Returns:
            For each row: anomaly_score (about 0 for normal rows, the higher the more anomalous), p_value, is_anomalous (at the 99th
            percentile of normal rows), reasons: [{"column", "share", "seen_in_training"}].
        """

    @abstractmethod
    def explain(self, row: dict[str, Any]) -> dict[str, Any]:
        """Say why a row is anomalous: what was expected in every cell, and the smallest change that makes it normal.

        Args:
            row: A record, column -> value; null where missing.

        Returns:
            anomaly_score, p_value, is_anomalous; columns: [{"column", "actual", "expected", "probability", "share", "percentile",
            "expected_percentile"}], the most anomalous first (percentiles of the training rows, null for what is no number); repair: {"changes": column -> value, "anomaly_score", "is_anomalous"} after those changes.
        """

    @abstractmethod
    def encode_file(self, file: Path) -> Path:
        """Turn every row of a table into its latent features.

        Args:
            file: A table with the columns that the model was trained on.

        Returns:
            A Parquet file with the columns latent_0, latent_1, …, in the order of the rows.
        """

    @abstractmethod
    def embeddings(self, column: str) -> list[dict[str, Any]]:
        """The learned vectors of a column: of a category's values, or of a number's percentiles.

        Args:
            column: The column's name.

        Returns:
            For each value: value, count (training rows; null for numbers), vector, nearest: the values most like it by
            cosine, best first. A number's vector is what the first layer of the network makes of it.
        """
