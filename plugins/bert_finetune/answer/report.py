"""Exact match and F1 as in SQuAD (Rajpurkar et al., 2016, §6.1; 2018 for questions without an answer)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from plugins.bert_finetune.answer.data import QuestionExample
from training.task import Score

MAX_WORST_ROWS = 20
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
ARTICLES = re.compile(r"\b(a|an|the)\b")
UNPUNCTUATED = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, without punctuation, articles and repeated spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(UNPUNCTUATED)).split())


def exact_match(answer: str, truths: Sequence[str]) -> float:
    """1 if the normalised answer equals one of the truths; an empty answer is correct if there are none."""
    return float(any(normalise(answer) == normalise(truth) for truth in _scored(truths)))


def f1(answer: str, truths: Sequence[str]) -> float:
    """Highest word F1 over the truths, 0 to 1."""
    return max(_f1(normalise(answer).split(), normalise(truth).split()) for truth in _scored(truths))


def _scored(truths: Sequence[str]) -> Sequence[str]:
    """The truths that answers are compared with: as in the official script, none of articles and marks only."""
    return [truth for truth in truths if normalise(truth)] or [""]


def _f1(answer: list[str], truth: list[str]) -> float:
    if not answer or not truth:
        return float(answer == truth)
    common = sum((Counter(answer) & Counter(truth)).values())
    return 2 * common / (len(answer) + len(truth))


def nearest_sentence(example: QuestionExample) -> str:
    """The sentence of the context that shares most words with the question, as an answer without a model."""
    asked = set(normalise(example.question).split())
    sentences = SENTENCE_END.split(example.context)
    return max(sentences, key=lambda sentence: len(asked & set(normalise(sentence).split())))


def score(questions: Sequence[QuestionExample], predictions: Sequence[tuple[str, float]], losses: np.ndarray) -> Score:
    """Metrics and tables of one evaluation.

    Args:
        predictions: Answer (empty: no answer) and its probability, per question.
        losses: Mean loss of each question's windows.
    """
    truths = [[text for text, _ in example.answers] for example in questions]
    exact = np.asarray([exact_match(answer, truth) for (answer, _), truth in zip(predictions, truths, strict=True)])
    overlap = np.asarray([f1(answer, truth) for (answer, _), truth in zip(predictions, truths, strict=True)])
    answerable = np.asarray([bool(truth) for truth in truths])
    metrics = {"f1": float(overlap.mean()), "exact_match": float(exact.mean()), "loss": float(losses.mean())}
    if not answerable.all() and answerable.any():
        metrics["f1_answerable"] = float(overlap[answerable].mean())
        metrics["no_answer_accuracy"] = float(exact[~answerable].mean())
    order = [row for row in np.argsort(-losses) if overlap[row] < 1][:MAX_WORST_ROWS]
    rows = [
        [
            questions[row].question[:200],
            truths[row][0] if truths[row] else "(none)",
            predictions[row][0] or "(none)",
            round(predictions[row][1], 4),
            questions[row].context[:200],
        ]
        for row in order
    ]
    columns = ["question", "truth", "answer", "probability", "context"]
    return Score(metrics, {"Most wrong": {"columns": columns, "rows": rows}})
