"""Interface of token classifiers."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins.bert_finetune.encode.endpoints import Encode


class Tag(Encode):
    """Entities of texts."""

    @abstractmethod
    def tag(self, text: str) -> dict[str, Any]:
        """Find the entities of a text, of any length.

        Args:
            text: The text.

        Returns:
            text; entities: [{"text", "label", "start", "end", "probability"}] in reading order, offsets in characters.
        """

    @abstractmethod
    def tag_file(self, file: Path) -> Path:
        """Find the entities of every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

        Args:
            file: A table with a text column, or a CoNLL file, whose sentences become the rows.

        Returns:
            A CSV file: the table's columns, then entities, a JSON list as that of `tag`.
        """
