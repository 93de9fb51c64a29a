"""Interface of translation models."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins.bert_finetune.encode.endpoints import Encode


class Translate(Encode):
    """Translations of texts."""

    @abstractmethod
    def translate(self, text: str, beams: int = 4, alternatives: int = 3) -> dict[str, Any]:
        """Translate a text by beam search.

        Args:
            text: A sentence, or a few.
            beams: Beam size, 1 to 16.
            alternatives: Number of alternatives, 0 to 16; there are fewer than beams.

        Returns:
            translation; score: mean log-probability per token; alternatives: [{"translation", "score"}], best first.
        """

    @abstractmethod
    def translate_file(self, file: Path, beams: int = 4) -> Path:
        """Translate every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

        Args:
            file: A table with a text column.
            beams: Beam size, 1 to 16.

        Returns:
            A CSV file: the table's columns, then translation.
        """
