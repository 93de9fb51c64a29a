"""Interface of every encoder."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from plugins._endpoints import Endpoints
from plugins.bert_finetune.zero_shot.label_names import TEMPLATE


class Encode(Endpoints):
    """Sentence vectors of a text, labelling with them, and labels by their names alone."""

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

    @abstractmethod
    def label_next(self, file: Path, text_column: str = "", label_column: str = "", count: int = 10) -> dict[str, Any]:
        """Choose which texts of a table to label next, and say what the labels so far give.

        Fill in the labels and call it again: the table is all that is remembered. A logistic regression is fitted on
        the encoder's sentence vectors, which are computed at the first call.

        Args:
            file: A table: CSV, TSV, JSONL or Parquet, also gzipped. Rows without a label are to be labelled.
            text_column: Its name, or two names separated by a comma, which are joined; by default guessed.
            label_column: Its name; by default a column with a usual name, such as label. It may be missing.
            count: How many texts, 1 to 100.

        Returns:
            next: [{"line", "text", "suggested", "probability"}], line is that of the file; chosen_by: coverage
            (facility location: texts that stand for many others, no two alike; Wei et al., 2015), from two classes
            on margin (the same, others weighed by how close their two likeliest labels are), or none left; a fifth is
            drawn at random, to measure with. labels: label -> number of texts;
            contradictions: texts that have different labels, which count as unlabelled until one is chosen;
            estimate: empty below ten measured texts, else accuracy on new texts like these with its 95 % interval (low,
            high), unlabelled (the same on the texts without a label, which are easier: the hard ones were asked),
            measured (texts that it rests on), agreement (share of texts that four fifths of the labels give the same
            label), enough (agreement of 0.98); notes: sentences on what was left out.
        """

    @abstractmethod
    def label_rest(self, file: Path, text_column: str = "", label_column: str = "") -> Path:
        """Label the rest of a table by the labels that it has, with a logistic regression on sentence vectors.

        Args:
            file: A table as for label_next, with labels of two classes at least.
            text_column: As for label_next.
            label_column: Its name; by default a column with a usual name, such as label.

        Returns:
            A CSV file: the table's columns, label (blank where none was given), predicted_label and probability.
        """

    @abstractmethod
    def zero_shot(self, text: str, labels: list[str], template: str = TEMPLATE) -> dict[str, Any]:
        """Label a text by the names of the labels alone; nothing is trained.

        Args:
            text: The text; longer texts than the model reads are truncated.
            labels: Two to 200, each NAME, or LABEL = WORDS where the label says little (1 = world politics).
            template: The sentence that a label's words are put into, in place of {label}.

        Returns:
            label: the one of the highest score; scores: label -> cosine of the vectors of text and sentence
            (similarity), or, of weights trained for natural language inference, the probability that the text entails
            the sentence (entailment; Yin et al., 2019); method: similarity or entailment. Scores of similarity are no
            probabilities: compare them within one text.
        """

    @abstractmethod
    def zero_shot_file(
        self,
        file: Path,
        labels: list[str] = [],  # noqa: B006 - part of the published signature, never changed
        template: str = TEMPLATE,
        adapt: bool = True,
        text_column: str = "",
        label_column: str = "",
    ) -> Path:
        """Label every row of a table by the names of the labels alone.

        Args:
            file: A table of texts: CSV, TSV, JSONL or Parquet, also gzipped.
            labels: As for zero_shot. Empty: those of the table's label column.
            template: As for zero_shot.
            adapt: Whether similarity moves each label's vector towards the texts that it is nearest to, which helps
                where labels are about equally frequent, and harms where one has nearly all texts; from ten texts a
                label on.
            text_column: Its name, or two names separated by a comma, which are joined; by default guessed.
            label_column: Its name; by default a column with a usual name, such as label. It may be missing.

        Returns:
            A CSV file: the table's columns, then predicted_label and score.
        """

    @abstractmethod
    def zero_shot_accuracy(
        self,
        file: Path,
        labels: list[str] = [],  # noqa: B006 - as above
        template: str = TEMPLATE,
        text_column: str = "",
        label_column: str = "",
    ) -> dict[str, Any]:
        """Measure labels by their names alone on a table that has labels; these are only compared with.

        Args:
            file: A table of texts and labels: CSV, TSV, JSONL or Parquet, also gzipped.
            labels: As for zero_shot. Empty: those of the table's label column.
            template: As for zero_shot.
            text_column: Its name, or two names separated by a comma, which are joined; by default guessed.
            label_column: Its name; by default a column with a usual name, such as label.

        Returns:
            method: similarity or entailment; texts; measured: texts with one of the labels; accuracies: [{"name",
            "accuracy", "low", "high"}] with 95 % intervals, of always the most frequent label, of the label names
            alone and, with similarity and ten texts a label, of names adapted to these texts; labels: [{"label",
            "texts", "recall"}] of the last of these, the worst first; notes: sentences on what was left out.
        """
