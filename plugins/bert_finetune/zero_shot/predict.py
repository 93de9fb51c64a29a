"""Labels of one text or of a table by label names alone, and how often they are right where the table has labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import clean_text
from plugins.bert_finetune.label.rounds import reading_notes
from plugins.bert_finetune.label.vector_cache import cached_vectors, encode
from plugins.bert_finetune.zero_shot.adaptation import MIN_TEXTS_PER_LABEL, adapted_scores
from plugins.bert_finetune.zero_shot.label_names import name_labels
from plugins.bert_finetune.zero_shot.table import NamedTable, read_named
from training.data.predictions_csv import write_predictions
from training.errors import UserError
from training.labelling.sampling import wilson
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.predictor import EncoderPredictor

SIMILARITY, ENTAILMENT = "similarity", "entailment"
MAX_TEXTS, MAX_PAIRS = 100_000, 100_000  # pairs of text and label are a forward pass each, by entailment
NAMES, ADAPTED = "label names alone", "adapted to these texts"


def predict_text(model: EncoderPredictor, text: str, labels: Sequence[str], template: str) -> dict[str, Any]:
    """The label of one text, as the endpoint answers it.

    Raises:
        UserError: If the text is empty, or the labels cannot be read.
    """
    if not (text := clean_text(text)):
        raise UserError("The text is empty: write something to classify.")
    names = name_labels(labels, template)
    scores = model.compare([text], names.sentences)[0]
    numbers = {label: round(float(score), 6) for label, score in zip(names.labels, scores, strict=True)}
    return {"label": names.labels[int(scores.argmax())], "scores": numbers, "method": model.comparison}


def score_table(model: EncoderPredictor, named: NamedTable, adapt: bool = True) -> dict[str, np.ndarray]:
    """Scores of each way to compare, the best last: name of the way -> (texts, labels).

    Args:
        adapt: Whether prototypes adapted to the texts are a way too, if there are enough texts.

    Raises:
        UserError: If there are more texts than are compared at once.
    """
    count, labels = len(named.texts), len(named.names.labels)
    most = MAX_PAIRS // labels if model.comparison == ENTAILMENT else MAX_TEXTS
    if count > most:
        raise UserError(f"{count:,} texts: with {labels} labels give at most {most:,}, such as a random part of them.")
    if model.comparison == ENTAILMENT:
        return {NAMES: model.compare(named.texts, named.names.sentences)}
    texts, prototypes = cached_vectors(model, named.texts), encode(model, named.names.sentences)
    scores = {NAMES: texts @ prototypes.T}
    if adapt and count >= MIN_TEXTS_PER_LABEL * labels:
        scores[ADAPTED] = adapted_scores(prototypes, texts)
    return scores


def write_table(named: NamedTable, scores: np.ndarray) -> Path:
    """The table with predicted_label and score of each row that has a text, as CSV."""
    labels = named.names.labels
    best = zip(named.rows, scores.argmax(1).tolist(), scores.max(1).tolist(), strict=True)
    cells = {row: [labels[label], f"{score:.6f}"] for row, label, score in best}
    return write_predictions(named.table, ("predicted_label", "score"), cells)


def describe_accuracy(
    model: EncoderPredictor, named: NamedTable, ways: dict[str, np.ndarray], need: bool = True
) -> dict[str, Any]:
    """Accuracy of each way beside the most frequent label, as the endpoint answers it.

    Args:
        need: Whether a table without labels is an error; else its accuracies are empty.

    Raises:
        UserError: If no row has one of the labels.
    """
    labels, truths = np.array(named.names.labels), np.array(named.truths)
    known = np.isin(truths, labels)
    other = Counter(named.truths[row] for row in np.flatnonzero(~known & (truths != "")))
    if not known.any() and other:
        raise UserError(
            f"The labels of {named.table.source} are {listed(sorted(other), 6)}, and none of these was named. Write "
            f"them so: {next(iter(sorted(other)))} = words that describe it."
        )
    if need and not known.any():
        raise UserError(f"{named.table.source} has no labels, so that there is nothing to measure with.")
    guesses = {way: labels[scores.argmax(1)][known] for way, scores in ways.items()}
    notes = reading_notes(model, named.texts)
    if other:
        notes.append(f"Not measured: {counted(other.total(), 'row')} of other labels ({listed(sorted(other))}).")
    return {
        "method": model.comparison,
        "texts": len(named.texts),
        "measured": int(known.sum()),
        "accuracies": accuracies(truths[known], guesses),
        "labels": recalls(truths[known], list(guesses.values())[-1]),
        "notes": notes,
    }


def accuracies(truths: np.ndarray, guesses: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The most frequent label, then each way, with 95 % intervals."""
    if not len(truths):
        return []
    usual, count = Counter(truths.tolist()).most_common(1)[0]
    shares = {f"always {usual}": count / len(truths)}
    shares |= {way: float(np.mean(guess == truths)) for way, guess in guesses.items()}
    return [
        {"name": name, "accuracy": round(share, 4), "low": round(low, 4), "high": round(high, 4)}
        for name, share in shares.items()
        for low, high in [wilson(share, len(truths))]
    ]


def recalls(truths: np.ndarray, guesses: np.ndarray) -> list[dict[str, Any]]:
    """Of each label that the table has: its texts, and the share of them that was found; the worst first."""
    rows = [
        {
            "label": label,
            "texts": int((truths == label).sum()),
            "recall": round(float(np.mean(guesses[truths == label] == label)), 4),
        }
        for label in sorted({*truths.tolist()})
    ]
    return sorted(rows, key=lambda row: row["recall"])


def label_file(
    model: EncoderPredictor,
    file: Path,
    labels: Sequence[str],
    template: str,
    adapt: bool,
    text_column: str = "",
    label_column: str = "",
) -> tuple[dict[str, Any], Path]:
    """Accuracy on the table, empty where it has no labels, and the table with predictions: of one pass over it."""
    named = read_named(file, labels, template, text_column, label_column)
    ways = score_table(model, named, adapt)
    return describe_accuracy(model, named, ways, need=False), write_table(named, list(ways.values())[-1])
