"""What weights of `tables` answer over the API."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from plugins._endpoints import Endpoints


class DenoiseTables(Endpoints):
    """Imputed and corrected tables."""

    @abstractmethod
    def denoise_table(self, file: Path) -> Path:
        """Impute the missing cells of a table and correct implausible ones, given the other cells of their row.

        Args:
            file: CSV, TSV, JSONL or Parquet, also gzipped, with the columns that the model was trained on.

        Returns:
            A CSV file: the table's columns, and `changes`: the changes of each row, "age: 5000 -> 34".
        """
