"""Metrics of a classifier, by scikit-learn: accuracy, F1, scores by class, confusion matrix, most wrong rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.task import Score

MAX_WORST_ROWS = 20
EPSILON = 1e-9
UNDEFINED_SCORE: Any = (
    0  # the score of a class that is never predicted; scikit-learn infers str from its default "warn"
)


def score(logits: np.ndarray, rows: LabelledTexts, targets: np.ndarray, names: list[str], multi_label: bool) -> Score:
    """Metrics and tables of one evaluation.

    Args:
        logits: (rows, classes).
        targets: Class ids, (rows,), or 0 and 1 for each class, (rows, classes).
    """
    if multi_label:
        return _multi_label_score(_sigmoid(logits), rows, targets, names)
    probabilities = _softmax(logits)
    predicted, every = probabilities.argmax(1), np.arange(len(names))
    losses = -np.log(probabilities[np.arange(len(targets)), targets] + EPSILON)
    metrics = {
        "accuracy": float(accuracy_score(targets, predicted)),
        "macro_f1": _f1(targets, predicted, "macro", every),
        "loss": float(losses.mean()),
    }
    confusion = confusion_matrix(targets, predicted, labels=every).tolist()
    tables = {
        "By class": _by_class(targets, predicted, names, every),
        "Confusion (rows: truth, columns: prediction)": {
            "columns": ["truth", *names],
            "rows": [[name, *row] for name, row in zip(names, confusion, strict=True)],
        },
        "Most wrong": _worst(losses, rows, [names[i] for i in predicted], probabilities.max(1), predicted != targets),
    }
    return Score(metrics, tables)


def _multi_label_score(probabilities: np.ndarray, rows: LabelledTexts, targets: np.ndarray, names: list[str]) -> Score:
    """Multi-label metrics: a label is predicted if its probability is above 0.5."""
    predicted, every = (probabilities > 0.5).astype(int), np.arange(len(names))
    likelihood = np.where(targets > 0, probabilities, 1 - probabilities)
    losses = -np.log(likelihood + EPSILON).mean(1)
    metrics = {
        "macro_f1": _f1(targets, predicted, "macro", None),
        "micro_f1": _f1(targets, predicted, "micro", None),
        "accuracy": float(accuracy_score(targets, predicted)),
        "loss": float(losses.mean()),
    }
    labels = [", ".join(name for name, on in zip(names, row, strict=True) if on) or "none" for row in predicted]
    tables = {
        "By class": _by_class(targets, predicted, names, every),
        "Most wrong": _worst(losses, rows, labels, likelihood.min(1), (predicted != targets).any(1)),
    }
    return Score(metrics, tables)


def _f1(targets: np.ndarray, predicted: np.ndarray, average: str, labels: np.ndarray | None) -> float:
    return float(f1_score(targets, predicted, average=average, labels=labels, zero_division=UNDEFINED_SCORE))


def _by_class(targets: np.ndarray, predicted: np.ndarray, names: list[str], every: np.ndarray) -> dict[str, list]:
    values = precision_recall_fscore_support(targets, predicted, labels=every, zero_division=UNDEFINED_SCORE)
    rows = [[name, *(round(float(v[i]), 4) for v in values[:3]), int(values[3][i])] for i, name in enumerate(names)]  # type: ignore[index]
    return {"columns": ["class", "precision", "recall", "f1", "rows"], "rows": rows}


def _worst(
    losses: np.ndarray, rows: LabelledTexts, predictions: list[str], confidence: np.ndarray, wrong: np.ndarray
) -> dict[str, list]:
    order = [row for row in np.argsort(-losses) if wrong[row]][:MAX_WORST_ROWS]
    table = [
        [
            rows.lines[row],
            ", ".join(rows.labels[row]),
            predictions[row],
            round(float(confidence[row]), 4),
            rows.texts[row][:300],
            (rows.pairs[row][:300] if rows.pairs else ""),
        ]
        for row in order
    ]
    columns = ["line", "truth", "prediction", "probability", "text", "second text"]
    if rows.pairs:
        return {"columns": columns, "rows": table}
    return {"columns": columns[:-1], "rows": [row[:-1] for row in table]}


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
