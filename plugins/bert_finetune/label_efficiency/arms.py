"""Arms of the experiment, nested label subsets, and the TF-IDF baseline."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

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
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    truth = [labels[0] for labels in evaluation.labels]
    model.fit(_joined(train), [labels[0] for labels in train.labels])
    predicted = model.predict(_joined(evaluation))
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, average="macro")),
    }


def _joined(rows: LabelledTexts) -> list[str]:
    """Texts; pairs are joined, with a prefix on the words of the second text."""
    if rows.pairs is None:
        return rows.texts
    return [
        f"{text} {' '.join('2' + word for word in pair.split())}"
        for text, pair in zip(rows.texts, rows.pairs, strict=True)
    ]
