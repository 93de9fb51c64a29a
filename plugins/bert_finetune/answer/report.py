"""Exact match and F1 of answers, as SQuAD scores them (Rajpurkar et al., 2016, §6.1; 2018 for questions without an answer)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from plugins.bert_finetune.answer.data import Question
from training.task import Score

WORST = 20
ARTICLES = re.compile(r"\b(a|an|the)\b")
UNPUNCTUATED = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, without punctuation, articles and repeated spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(UNPUNCTUATED)).split())


def exact_match(said: str, truths: Sequence[str]) -> float:
    """1 if the answer equals one of the truths; an empty one is right where there is none."""
    return float(any(normalise(said) == normalise(truth) for truth in truths or [""]))


def f1(said: str, truths: Sequence[str]) -> float:
    """Overlap of words with the closest of the truths, 0 to 1."""
    return max(_f1(normalise(said).split(), normalise(truth).split()) for truth in truths or [""])


def _f1(said: list[str], truth: list[str]) -> float:
    if not said or not truth:
        return float(said == truth)
    common = sum((Counter(said) & Counter(truth)).values())
    return 2 * common / (len(said) + len(truth))


def score(questions: Sequence[Question], said: Sequence[tuple[str, float]], losses: np.ndarray) -> Score:
    """Metrics and tables of one evaluation.

    Args:
        said: Answer and its probability, a question; empty for no answer.
        losses: Mean loss of each question's windows.
    """
    truths = [[text for text, _ in one.answers] for one in questions]
    exact = np.asarray([exact_match(answer, truth) for (answer, _), truth in zip(said, truths, strict=True)])
    overlap = np.asarray([f1(answer, truth) for (answer, _), truth in zip(said, truths, strict=True)])
    answerable = np.asarray([bool(truth) for truth in truths])
    metrics = {"f1": float(overlap.mean()), "exact_match": float(exact.mean()), "loss": float(losses.mean())}
    if not answerable.all() and answerable.any():
        metrics |= {"f1_answerable": float(overlap[answerable].mean()), "no_answer_accuracy": float(exact[~answerable].mean())}  # fmt: skip
    order = [row for row in np.argsort(-losses) if overlap[row] < 1][:WORST]
    rows = [
        [questions[row].question[:200], truths[row][0] if truths[row] else "(none)", said[row][0] or "(none)", round(said[row][1], 4), questions[row].context[:200]]
        for row in order
    ]  # fmt: skip
    columns = ["question", "truth", "answer", "probability", "context"]
    return Score(metrics, {"Most wrong": {"columns": columns, "rows": rows}})
