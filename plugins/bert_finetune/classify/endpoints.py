"""Interface of text classifiers."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins.bert_finetune.encode.endpoints import Encode


class Classify(Encode):
    """Labels of texts, and their explanation."""

    @abstractmethod
    def classify(self, text: str, text_pair: str = "") -> dict[str, Any]:
        """Label one text, or one pair of texts.

        Args:
            text: The text; longer texts than the model reads are truncated.
            text_pair: The second text, for a model trained on pairs.

        Returns:
            label: the most probable label (a list of labels for a multi-label model); probabilities: label -> 0 to 1.
        """

    @abstractmethod
    def classify_file(self, file: Path) -> Path:
        """Label every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

        Args:
            file: A table with the text columns that the model was trained on, or columns that can be guessed.

        Returns:
            A CSV file: the table's columns, then predicted_label and probability.
        """

    @abstractmethod
    def explain(self, text: str, text_pair: str = "") -> dict[str, Any]:
        """Explain the predicted label by occlusion: the drop of its log-odds when each word is masked.

        Args:
            text: The text.
            text_pair: The second text, for a model trained on pairs.

        Returns:
            label; probability; words: [{"word", "weight"}] in reading order, positive if the word supports the label;
            words_left_out: number of words after the part of the text that the model reads, or after the 200th;
            tokens: the tokens of the input.
        """
