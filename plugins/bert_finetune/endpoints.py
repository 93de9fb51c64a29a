"""What the plugin answers over the API; cheap to import, the work is in `predictor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.predictor import Classifier


def classify(model: Classifier, text: str, text_pair: str = "") -> dict[str, Any]:
    """Label one text, or one pair of texts.

    Args:
        text: The text; what is longer than the model's length is cut.
        text_pair: The second text, for a model trained on pairs.

    Returns:
        label: the most probable label (a list of labels for a multi-label model); probabilities: label -> 0 to 1.
    """
    return model.classify(text, text_pair)


def classify_file(model: Classifier, file: Path) -> Path:
    """Label every row of a table: CSV, TSV, JSONL or Parquet, also gzipped.

    Args:
        file: A table with the text column (and the second one) that the model was trained on, or one that can be guessed.

    Returns:
        A CSV file: the table's columns, then predicted_label and probability.
    """
    return model.classify_file(file)


def explain(model: Classifier, text: str, text_pair: str = "") -> dict[str, Any]:
    """Say how much each word speaks for the predicted label: the change of its log-odds when the word is masked.

    Args:
        text: The text.
        text_pair: The second text, for a model trained on pairs.

    Returns:
        label; words: [{"word", "weight"}] in reading order, positive where the word speaks for the label;
        tokens: how the tokenizer splits the input.
    """
    return model.explain(text, text_pair)
