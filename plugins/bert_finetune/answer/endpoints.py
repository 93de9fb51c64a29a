"""Interface of question answering models."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins.bert_finetune.encode.endpoints import Encode


class Answer(Encode):
    """Answers to questions about a context."""

    @abstractmethod
    def answer(self, question: str, context: str) -> dict[str, Any]:
        """Extract the answer to a question from a context.

        Args:
            question: The question; truncated as in training.
            context: The text that contains the answer, of any length.

        Returns:
            answer (empty: no answer), start and end (characters of the context), probability; no_answer_probability;
            alternatives: the next best answers, each with answer, start, end and probability.
        """

    @abstractmethod
    def answer_file(self, file: Path) -> Path:
        """Answer every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

        Args:
            file: A table with the columns question and context, or SQuAD JSON, whose questions become the rows.

        Returns:
            A CSV file: the table's columns, then predicted_answer and probability.
        """
