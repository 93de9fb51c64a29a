"""Interface of masked language models."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins.bert_finetune.encode.endpoints import Encode


class FillMask(Encode):
    """Masked words, and next sentences."""

    @abstractmethod
    def fill_mask(self, text: str, top: int = 5) -> dict[str, Any]:
        """Predict the word at every [MASK] of a text.

        Args:
            text: The text, with [MASK] (or ___) in place of words.
            top: Words per mask, 1 to 50.

        Returns:
            text: with the most probable words filled in; masks: [{"word", "probability"}], best first, per mask.
        """

    @abstractmethod
    def next_sentence(self, first: str, second: str) -> dict[str, Any]:
        """Predict whether the second sentence follows the first (next sentence prediction).

        Args:
            first: A sentence, or several.
            second: The sentence that may follow it.

        Returns:
            follows: true or false; probability: that it follows, 0 to 1.
        """

    @abstractmethod
    def fill_mask_file(self, file: Path) -> Path:
        """Predict the word at every [MASK] of a table's texts: CSV, TSV, JSONL or Parquet, also gzipped.

        Args:
            file: A table with a text column; rows without a [MASK] get no prediction.

        Returns:
            A CSV file: the table's columns, then filled_text, and words with their probabilities.
        """

    @abstractmethod
    def next_sentence_file(self, file: Path) -> Path:
        """Predict for every row of a table whether its second text follows its first.

        Args:
            file: A table with two text columns, such as text1 and text2.

        Returns:
            A CSV file: the table's columns, then follows (yes or no) and probability.
        """
