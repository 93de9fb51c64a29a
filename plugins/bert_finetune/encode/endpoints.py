"""Interface of every encoder."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from plugins._endpoints import Endpoints


class Encode(Endpoints):
    """Sentence vectors of a text."""

    @abstractmethod
    def embed(self, text: str) -> list[float]:
        """Embed a text: the mean of the encoder's last token vectors.

        Args:
            text: The text; longer texts than the model reads are truncated.

        Returns:
            The vector, as long as the encoder is wide.
        """

    @abstractmethod
    def embed_file(self, file: Path, text_column: str = "") -> Path:
        """Embed every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

        Args:
            file: A table with a column of texts.
            text_column: Its name; by default it is guessed.

        Returns:
            A CSV file: the texts, then the numbers of their vectors, from vector_001 on; blank where a text is empty.
            Models of tables, such as anomaly detection, can be trained on it.
        """
