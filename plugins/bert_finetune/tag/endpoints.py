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
        """Find the entities of every row of a table, or of every sentence of a CoNLL file, also gzipped.

        Args:
            file: A table (CSV, TSV, JSONL, Parquet) with a column of texts or of words, or a CoNLL file.

        Returns:
            For texts a CSV file: the table's columns, then entities, a JSON list as that of `tag`. For words a tag a
            word: a CoNLL file with a further last column, or a CSV file with the column predicted_tags (predicted_tag
            if a row is one word).
        """
