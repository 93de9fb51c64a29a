"""What a classifier without a network reaches on the same rows: logistic regression on TF-IDF features."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts

MAX_ROWS = 20_000  # to fit on: three seconds of one core
MAX_ROWS_TIMES_LABELS = 400_000  # beyond which the regression takes longer than a short run
NEVER: int = 0  # the score of a class that is never predicted


def tfidf_predictions(train: LabelledTexts, evaluation: LabelledTexts) -> list[str]:
    """Labels by logistic regression on TF-IDF of word unigrams and bigrams; each row has one label."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    model.fit(_joined(train), [labels[0] for labels in train.labels])
    return list(model.predict(_joined(evaluation)))


def tfidf_macro_f1(train: LabelledTexts, evaluation: LabelledTexts, names: list[str]) -> float | None:
    """Macro F1 over all labels, fitted on at most `MAX_ROWS` rows; None where it cannot be, or takes too long."""
    rows = np.random.default_rng(0).permutation(len(train))[:MAX_ROWS]
    chosen = train.select(sorted(rows.tolist())) if len(train) > MAX_ROWS else train
    if len(chosen) * len(names) > MAX_ROWS_TIMES_LABELS or len({labels[0] for labels in chosen.labels}) < 2:
        return None
    try:
        predicted = tfidf_predictions(chosen, evaluation)
    except ValueError:  # no text has a word in letters
        return None
    truth = [labels[0] for labels in evaluation.labels]
    return float(f1_score(truth, predicted, labels=names, average="macro", zero_division=NEVER))  # type: ignore[arg-type]


def _joined(rows: LabelledTexts) -> list[str]:
    """Texts; pairs are joined, with a prefix on the words of the second text."""
    if rows.pairs is None:
        return rows.texts
    return [
        f"{text} {' '.join('2' + word for word in pair.split())}"
        for text, pair in zip(rows.texts, rows.pairs, strict=True)
    ]
