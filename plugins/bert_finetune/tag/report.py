"""Scores of a tagger: precision, recall and F1 of whole entities, by seqeval; the sentences most wrong."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.bert_finetune.tag.schemes import spans
from plugins.bert_finetune.tag.sentences import Sentence
from training.task import Score

WORST = 20
SHOWN = 300  # characters
NONE: Any = 0  # the score of a kind that is never predicted; seqeval annotates str


def score(truth: Sequence[Sentence], predicted: Sequence[Sequence[str]], losses: np.ndarray, bare: bool) -> Score:
    """Metrics and tables of one evaluation; an entity counts when its words and its kind are right.

    Args:
        predicted: A tag a word.
        losses: Mean cross entropy of each sentence's words.
    """
    tags = [list(one.tags) for one in truth]
    right = sum(a == b for one, said in zip(tags, predicted, strict=True) for a, b in zip(one, said, strict=True))
    words = sum(map(len, tags))
    metrics = {"accuracy": right / max(1, words), "loss": float(np.mean(losses)) if len(losses) else 0.0}
    wrong = _worst(truth, predicted, losses)
    if bare:
        return Score(metrics, {"Most wrong": wrong})
    overall, by_kind = _entities(tags, [list(one) for one in predicted])
    return Score(overall | metrics, {"By kind": by_kind, "Most wrong": wrong})


def _entities(truth: list[list[str]], predicted: list[list[str]]) -> tuple[dict[str, float], dict[str, list]]:
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    def values(average: str | None) -> Any:
        with warnings.catch_warnings():  # a kind that is never predicted scores 0, which says enough
            warnings.simplefilter("ignore")
            return precision_recall_fscore_support(truth, predicted, average=average, zero_division=NONE)

    precision, recall, f1, _ = values("micro")
    kinds = sorted({tag[2:] for tags in (*truth, *predicted) for tag in tags if tag != "O"})
    each = values(None)
    rows = [[kind, *(round(float(value[i]), 4) for value in each[:3]), int(each[3][i])] for i, kind in enumerate(kinds)]
    overall = {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
    return overall, {"columns": ["kind", "precision", "recall", "f1", "entities"], "rows": rows}


def _worst(truth: Sequence[Sentence], predicted: Sequence[Sequence[str]], losses: np.ndarray) -> dict[str, list]:
    order = [row for row in np.argsort(-losses) if list(truth[row].tags) != list(predicted[row])][:WORST]
    rows = [
        [truth[row].lines[0], _said(truth[row].words, truth[row].tags), _said(truth[row].words, predicted[row]), " ".join(truth[row].words)[:SHOWN]]
        for row in order
    ]  # fmt: skip
    return {"columns": ["line", "truth", "prediction", "sentence"], "rows": rows}


def _said(words: Sequence[str], tags: Sequence[Any]) -> str:
    found = [f"{' '.join(words[span.start : span.end])} ({span.label})" for span in spans(tags)]
    return ", ".join(found)[:SHOWN] or "nothing"
