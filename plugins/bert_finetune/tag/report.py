"""Metrics of a tagger: precision, recall and F1 of entities by seqeval; the most wrong sentences."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

from plugins.bert_finetune.tag.schemes import entity_spans
from plugins.bert_finetune.tag.sentences import Sentence, exact_tags
from training.task import Score

MAX_WORST_ROWS = 20
MAX_CHARACTERS = 300  # characters
UNDEFINED_SCORE: Any = 0  # of a label that is never predicted; seqeval annotates str


def score(truth: Sequence[Sentence], predicted: Sequence[Sequence[str]], losses: np.ndarray, plain: bool) -> Score:
    """Metrics and tables of one evaluation; an entity is correct if its words and its label are.

    Args:
        predicted: Tags of the words of each sentence.
        losses: Mean cross entropy of each sentence's words.
        plain: Whether tags have no prefixes (such as parts of speech); then only accuracy is computed.
    """
    tags = [list(sentence.tags) for sentence in truth]
    correct = sum(a == b for true, own in zip(tags, predicted, strict=True) for a, b in zip(true, own, strict=True))
    words = sum(map(len, tags))
    metrics = {"accuracy": correct / max(1, words), "loss": float(np.mean(losses)) if len(losses) else 0.0}
    wrong = _worst(truth, predicted, losses)
    if plain:
        return Score(metrics, {"Most wrong": wrong})
    exact = [exact_tags(sentence) for sentence in truth]
    spare = [len(sentence.inexact) for sentence in truth]
    overall, by_label = _entities(exact, [[*own, *["O"] * more] for own, more in zip(predicted, spare, strict=True)])
    return Score(overall | metrics, {"By label": by_label, "Most wrong": wrong})


def _entities(truth: list[list[str]], predicted: list[list[str]]) -> tuple[dict[str, float], dict[str, list]]:
    def values(average: str | None) -> Any:
        with warnings.catch_warnings():  # of labels that are never predicted: their score of 0 shows it
            warnings.simplefilter("ignore")
            return precision_recall_fscore_support(truth, predicted, average=average, zero_division=UNDEFINED_SCORE)

    precision, recall, f1, _ = values("micro")
    labels = sorted({tag[2:] for tags in (*truth, *predicted) for tag in tags if tag != "O"})
    *scores, counts = values(None)
    rows = [[label, *(round(float(score[i]), 4) for score in scores), int(counts[i])] for i, label in enumerate(labels)]
    overall = {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
    return overall, {"columns": ["label", "precision", "recall", "f1", "entities"], "rows": rows}


def _worst(truth: Sequence[Sentence], predicted: Sequence[Sequence[str]], losses: np.ndarray) -> dict[str, list]:
    order = [row for row in np.argsort(-losses) if list(truth[row].tags) != list(predicted[row])][:MAX_WORST_ROWS]
    rows = [
        [
            truth[row].lines[0],
            _entity_list(truth[row], truth[row].tags),
            _entity_list(truth[row], predicted[row]),
            truth[row].text()[:MAX_CHARACTERS],
        ]
        for row in order
    ]
    return {"columns": ["line", "truth", "prediction", "sentence"], "rows": rows}


def _entity_list(sentence: Sentence, tags: Sequence[Any]) -> str:
    entities = [f"{sentence.text(span.start, span.end)} ({span.label})" for span in entity_spans(tags)]
    return ", ".join(entities)[:MAX_CHARACTERS] or "none"
