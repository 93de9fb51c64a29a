"""The arms that are compared, the subsets of the labels they all get, and a text classifier without a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.errors import UserError

SCRATCH, BASE, OWN, TFIDF = "from scratch", "pre-trained", "after your pre-training", "TF-IDF and logistic regression"


def shares_of(text: str) -> list[float]:
    """Percentages, as "1, 5, 10", as shares in rising order.

    Raises:
        UserError: If one is no number above 0 and up to 100.
    """
    try:
        found = sorted({float(one) for one in text.replace("%", " ").replace(",", " ").split()})
    except ValueError:
        found = []
    if not found or found[0] <= 0 or found[-1] > 100:
        raise UserError(f"shares: {text[:80]!r} was given; percentages above 0 and up to 100 were expected, such as 1, 5, 10.")  # fmt: skip
    return [one / 100 for one in found]


def counts_of(shares: Sequence[float], rows: int, classes: int) -> list[int]:
    """How many labels each share is: at least one a class, each number once."""
    return sorted({min(rows, max(classes, round(share * rows))) for share in shares})


def subset(rows: LabelledTexts, count: int, seed: int) -> list[int]:
    """Row numbers of `count` labels, class by class as in all rows; a smaller count is a part of a larger one.

    Every class has a row, as long as there are as many as classes.
    """
    random = np.random.default_rng([seed, 17])
    names: dict[tuple[str, ...], list[int]] = {}
    for row in random.permutation(len(rows)).tolist():
        names.setdefault(rows.labels[row], []).append(row)
    # a row's place among all: the first of every class, then evenly by class (largest remainders, one after the other)
    places = sorted((0.0 if rank == 0 else rank / len(members), row) for members in names.values() for rank, row in enumerate(members))  # fmt: skip
    return sorted(row for _, row in places[:count])


def tfidf_scores(train: LabelledTexts, evaluation: LabelledTexts) -> dict[str, float]:
    """Accuracy and macro F1 of logistic regression on TF-IDF of words and pairs of words, by scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    truth = [labels[0] for labels in evaluation.labels]
    model.fit(_joined(train), [labels[0] for labels in train.labels])
    said = model.predict(_joined(evaluation))
    return {"accuracy": float(accuracy_score(truth, said)), "macro_f1": float(f1_score(truth, said, average="macro"))}


def _joined(rows: LabelledTexts) -> list[str]:
    """Texts; the two of a pair as one, the words of the second told apart from the first's."""
    if rows.pairs is None:
        return rows.texts
    return [
        f"{text} {' '.join('2' + word for word in pair.split())}"
        for text, pair in zip(rows.texts, rows.pairs, strict=True)
    ]
