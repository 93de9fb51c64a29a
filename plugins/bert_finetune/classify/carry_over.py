"""Does it carry over? The kept weights on rows of a related task, beside their own held-out rows and what is not tuned.

Label names alone (`zero_shot`) were tuned on nothing: a fine-tuned classifier that is no better than they are on a
related task has learned its own rows rather than the labels' meaning.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plugins.bert_finetune import starter
from plugins.bert_finetune.classify.data import ClassifyData
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.predictor import load
from plugins.bert_finetune.classify.related import MAX_ROWS, RelatedTexts
from plugins.bert_finetune.encode.predictor import load as load_encoder
from plugins.bert_finetune.zero_shot.label_names import PLACE, TEMPLATE
from training.artifact.store import read_record
from training.labelling.sampling import wilson
from training.task import Study

TITLE = "Does it carry over?"
NAMES = "label names alone"
COLUMNS = ["tested on", "rows", "accuracy", "95 % interval", "difference", "always the most frequent label", NAMES]
MEASURED = (
    "These weights were scored once on labelled rows of a related task, which they were not trained on. "
    "Intervals are of 95 %: Wilson's of an accuracy, Newcombe's of a difference."
)
PROMPTED = (
    "For a prompted model on the same rows, run “Few-shot accuracy by number of examples” of the plugin GPT with this "
    "file as eval_data."
)


@dataclass(frozen=True)
class Scored:
    """How many of some rows are right, and what other predictors reach on the same rows.

    Args:
        usual: Share of the most frequent label.
        names: Accuracy of label names alone; None if it was not measured.
    """

    name: str
    rows: int
    accuracy: float
    usual: float
    names: float | None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.accuracy, self.rows)

    def verdict(self) -> str:
        """Whether it beats the better of the predictors that were not tuned by more than chance."""
        low, high = self.interval
        untuned = {"always the most frequent label": self.usual, NAMES: self.names}
        name, best = max(((name, value) for name, value in untuned.items() if value is not None), key=lambda it: it[1])
        how = "better than" if best < low else "worse than" if best > high else "no better, beyond chance, than"
        return f"It is {how} {name} there ({best:.3f})."


def study_related(artifact: Path, data: ClassifyData, related: RelatedTexts) -> Study:
    """Score the kept weights on the related rows.

    Args:
        artifact: Their folder, with the record of their evaluation on the held-out rows.
    """
    why_not = _why_no_names(data)
    guess = {} if why_not else _guesses_by_names(data, related)
    other = _scored(related.source, related.rows, _accuracy(artifact, related.rows), guess.get("related"))
    own_accuracy = read_record(artifact)["metrics"].get("accuracy") if len(data.evaluation) else None
    held = "the run's own held-out rows"
    own = None if own_accuracy is None else _scored(held, data.evaluation, own_accuracy, guess.get("own"))
    rows = [*([_row(own)] if own else []), _row(other, own)]
    sentences = [_difference_in_words(own, other) if own else "", other.verdict(), MEASURED, why_not or _how_named(own)]
    return Study(TITLE, " ".join(filter(None, sentences)), COLUMNS, rows, PROMPTED)


def newcombe(first: tuple[float, int], second: tuple[float, int]) -> tuple[float, float]:
    """95 % interval of the difference of two independent shares (Newcombe, 1998, method 10).

    Args:
        first: A share of 1 and the rows that it is of; the second is taken from it.
    """
    (share, rows), (other, other_rows) = first, second
    (low, high), (other_low, other_high) = wilson(share, rows), wilson(other, other_rows)
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    return share - other - below, share - other + above


def _accuracy(artifact: Path, rows: LabelledTexts) -> float:
    predictor = load(artifact)
    best = predictor.probabilities(rows.texts, rows.pairs).argmax(1)
    return float(
        np.mean([predictor.names[number] == labels[0] for number, labels in zip(best, rows.labels, strict=True)])
    )


def _scored(name: str, rows: LabelledTexts, accuracy: float, guesses: list[str] | None) -> Scored:
    labels = [own[0] for own in rows.labels]
    usual = Counter(labels).most_common(1)[0][1] / len(labels)
    named = None if guesses is None else float(np.mean([a == b for a, b in zip(guesses, labels, strict=True)]))
    return Scored(name, len(rows), accuracy, usual, named)


def _row(scored: Scored, own: Scored | None = None) -> list:
    low, high = scored.interval
    return [
        scored.name,
        scored.rows,
        f"{scored.accuracy:.3f}",
        f"{low:.3f} to {high:.3f}",
        _difference(own, scored) if own else "",
        f"{scored.usual:.3f}",
        "not measured" if scored.names is None else f"{scored.names:.3f}",
    ]


def _difference(own: Scored, other: Scored) -> str:
    low, high = newcombe((other.accuracy, other.rows), (own.accuracy, own.rows))
    return f"{other.accuracy - own.accuracy:+.3f} ({low:+.3f} to {high:+.3f})"


def _difference_in_words(own: Scored, other: Scored) -> str:
    low, high = newcombe((other.accuracy, other.rows), (own.accuracy, own.rows))
    gain = other.accuracy - own.accuracy
    if low <= 0 <= high:
        return f"On {other.name} the accuracy is {gain:+.3f}: no difference beyond chance."
    return f"On {other.name} the accuracy is {'higher' if gain > 0 else 'lower'} by {abs(gain):.3f}, beyond chance."


def _why_no_names(data: ClassifyData) -> str:
    """Why label names alone are not measured; empty if they are."""
    why = ""
    if not starter.MINILM:
        why = f"it needs {starter.SENTENCES}, which is not installed here (make models)"
    elif data.train.pairs is not None:
        why = "it compares single texts with names, and these are pairs"
    elif not all(any(map(str.isalpha, name)) for name in data.label_names):
        why = "a label without a letter says nothing of its meaning"
    return f"By {NAMES} nothing was measured: {why}." if why else ""


def _how_named(own: Scored | None) -> str:
    how = f"“{NAMES.capitalize()}” is the label whose sentence “{TEMPLATE}” is nearest by {starter.SENTENCES}"
    many = f"; of more than {MAX_ROWS:,} own rows it is not measured" if own and own.names is None else ""
    return f"{how}{many}."


def _guesses_by_names(data: ClassifyData, related: RelatedTexts) -> dict[str, list[str]]:
    """Labels by their names alone, of the related rows and, where these are not too many, of the run's own."""
    encoder = load_encoder(starter.MINILM[0])
    sentences = [TEMPLATE.replace(PLACE, name.replace("_", " ")) for name in data.label_names]
    parts = {"related": related.rows} | ({"own": data.evaluation} if 0 < len(data.evaluation) <= MAX_ROWS else {})
    return {
        part: [data.label_names[number] for number in encoder.compare(rows.texts, sentences).argmax(1)]
        for part, rows in parts.items()
    }
