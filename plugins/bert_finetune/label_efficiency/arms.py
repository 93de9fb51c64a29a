"""Arms of the experiment, nested label subsets, and the arms that train no network: TF-IDF and a prompted GPT."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from plugins._prompted import Prompted
from plugins.bert_finetune.classify.baselines import tfidf_predictions
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.prompted import draw_examples
from plugins.bert_finetune.zero_shot.label_names import words_of

SCRATCH, BASE, SECOND, CONTRASTIVE, TFIDF, PROMPTED = (
    "from scratch",
    "pre-trained",
    "second pre-trained",
    "pre-trained, contrastive",
    "TF-IDF and logistic regression",
    "prompted GPT",
)
UNTRAINED = TFIDF, PROMPTED  # no network is trained


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
    return _scores(tfidf_predictions(train, evaluation), evaluation)


def prompted_scores(
    model: Prompted, names: Sequence[str], train: LabelledTexts, evaluation: LabelledTexts, examples: int, seed: int
) -> dict[str, float]:
    """Accuracy and macro F1 of a language model that is prompted with some of the training rows.

    Args:
        examples: That the prompt shows, if there are so many rows.
    """
    shown = draw_examples(train, examples, seed)
    answers = model.label_texts(evaluation.texts, {name: words_of(name) for name in names}, shown)
    return _scores([each.label for each in answers], evaluation)


def _scores(predicted: Sequence[str], evaluation: LabelledTexts) -> dict[str, float]:
    truth = [labels[0] for labels in evaluation.labels]
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "macro_f1": float(f1_score(truth, predicted, average="macro")),
    }
