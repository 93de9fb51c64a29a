"""Arms of the experiment, nested label subsets, and the TF-IDF baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.errors import UserError

SCRATCH, BASE, SECOND, TFIDF = (
    "from scratch",
    "pre-trained",
    "second pre-trained",
    "TF-IDF and logistic regression",
)


def parse_shares(text: str) -> list[float]:
    """Parse percentages such as "1, 5, 10" to shares in rising order.

    Raises:
        UserError: If one is not a number above 0 and up to 100.
    """
    try:
        percentages = sorted({float(number) for number in text.replace("%", " ").replace(",", " ").split()})
    except ValueError:
        percentages = []
    if not percentages or percentages[0] <= 0 or percentages[-1] > 100:
        expected = "percentages above 0 and up to 100 were expected, such as 1, 5, 10"
        raise UserError(f"shares: {text[:80]!r} was given; {expected}.")
    return [percentage / 100 for percentage in percentages]


def label_counts(shares: Sequence[float], rows: int, classes: int) -> list[int]:
    """Number of labels of each share, at least one per class, without repetition."""
    return sorted({min(rows, max(classes, round(share * rows))) for share in shares})


def nested_subset(rows: LabelledTexts, count: int, seed: int) -> list[int]:
    """Row numbers of a stratified subset of `count` labels; a smaller subset is contained in a larger one.

    Every class has a row if `count` is at least the number of classes.
    """
    random = np.random.default_rng([seed, 17])
    by_class: dict[tuple[str, ...], list[int]] = {}
    for row in random.permutation(len(rows)).tolist():
        by_class.setdefault(rows.labels[row], []).append(row)
    # Order all rows so that every prefix is stratified: the first row of each class, then by relative rank in the class.
    ranked = sorted((rank / len(rows_of), row) for rows_of in by_class.values() for rank, row in enumerate(rows_of))
    return sorted(row for _, row in ranked[:count])


def tfidf_scores(train: LabelledTexts, evaluation: LabelledTexts) -> dict[str, float]:
    """Accuracy and macro F1 of logistic regression on TF-IDF of word unigrams and bigrams."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.pipeline import make_pipeline

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
