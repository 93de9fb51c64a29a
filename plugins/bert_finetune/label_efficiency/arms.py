"""Arms of the experiment, nested label subsets, and the TF-IDF baseline."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from plugins.bert_finetune.classify.baselines import tfidf_predictions
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts

SCRATCH, BASE, SECOND, TFIDF = (
    "from scratch",
    "pre-trained",
    "second pre-trained",
    "TF-IDF and logistic regression",
)


def nested_subset(rows: LabelledTexts, count: int, seed: int) -> list[int]:
    """Row numbers of a stratified subset of `count` labels; a smaller subset is contained in a larger one.

    Every class has a row if `count` is at least the number of classes.
    """
    random = np.random.default_rng([seed, 17])
    by_class: dict[tuple[str, ...], list[int]] = {}
    for row in random.permutation(len(rows)).tolist():
        by_class.setdefault(rows.labels[row], []).append(row)
    # An order whose prefixes are all stratified: the first row of each class, then by relative rank in the class.
    ranked = sorted((rank / len(rows_of), row) for rows_of in by_class.values() for rank, row in enumerate(rows_of))
    return sorted(row for _, row in ranked[:count])


def tfidf_scores(train: LabelledTexts, evaluation: LabelledTexts) -> dict[str, float]:
    """Accuracy and macro F1 of logistic regression on TF-IDF of word unigrams and bigrams."""
    truth, predicted = [labels[0] for labels in evaluation.labels], tfidf_predictions(train, evaluation)
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, average="macro")),
    }
