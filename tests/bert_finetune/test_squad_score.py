"""Exact match and F1 against the official script of SQuAD 2.0 (evaluate-v2.0.py, Rajpurkar et al., 2018)."""

from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.bert_finetune.answer.report import exact_match, f1

# (prediction, answers, exact match, F1): by hand, from the script's definition.
ANSWERS = [
    ("The Rhine", ["rhine"], 1, 1.0),  # case and articles
    ("the-Rhine.", ["Rhine"], 0, 0.0),  # punctuation is taken out, not replaced by a space: "therhine"
    ("U.S.A.", ["USA"], 1, 1.0),
    ("10,000  men", ["10000 men"], 1, 1.0),
    ("swiss alps", ["Swiss Alps mountains"], 0, 0.8),  # precision 1, recall 2/3
    ("in the Swiss Alps", ["Swiss Alps"], 0, 0.8),  # precision 2/3, recall 1
    ("to be or not to be", ["to be"], 0, 0.5),  # words count as often as they are there: 2 of 6 and of 2
    ("Basel", ["Bern", "Basel city", "the Basel"], 1, 1.0),  # the closest answer counts
    ("Basel", ["Bern", "Basel city"], 0, 2 / 3),
    ("Bern", ["Basel"], 0, 0.0),
    ("", [], 1, 1.0),  # no answer, and there is none
    ("Bern", [], 0, 0.0),
    ("", ["Bern"], 0, 0.0),
    ("the", [], 1, 1.0),  # an article alone is no answer
    ("", ["the", "Rhine"], 0, 0.0),  # and no truth where there is another
    ("", ["the", "..."], 1, 1.0),
    ("Rhine", ["a", "Rhine"], 1, 1.0),
    ("Ärzte", ["ärzte"], 1, 1.0),
]


@pytest.mark.parametrize(("prediction", "answers", "exact", "overlap"), ANSWERS)
def test_scores_are_those_of_the_definition(prediction: str, answers: list[str], exact: int, overlap: float) -> None:
    assert exact_match(prediction, answers) == exact
    assert f1(prediction, answers) == pytest.approx(overlap)


def official_words(text: str) -> list[str]:
    """`normalize_answer` and `get_tokens`: lower case, no punctuation, no articles, split at spaces."""
    kept = "".join(character for character in text.lower() if character not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def official_f1(answer: str, prediction: str) -> float:
    """`compute_f1`."""
    gold, predicted = official_words(answer), official_words(prediction)
    same = sum((Counter(gold) & Counter(predicted)).values())
    if not gold or not predicted:
        return float(gold == predicted)
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted), same / len(gold)
    return 2 * precision * recall / (precision + recall)


texts = st.lists(st.sampled_from(["a", "the", "An", "Rhine", "rhine,", "U.S.", "  ", "10", "-"]), max_size=6).map(
    " ".join
)


@given(texts, texts)
def test_scores_are_those_of_the_script(prediction: str, answer: str) -> None:
    assert f1(prediction, [answer]) == pytest.approx(official_f1(answer, prediction))
    assert exact_match(prediction, [answer]) == (official_words(prediction) == official_words(answer))
