"""Logistic regression on frozen sentence vectors, and the accuracy to expect of it on all texts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.labelling.sampling import MIN_MEASURED, wilson

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

INVERSE_PENALTY = 5.0  # of vectors of length 1
FOLDS = 3
SAMPLE = 2000  # texts that the agreement looks at
STABLE = 0.98  # agreement of predictions from which on more labels change little


@dataclass(frozen=True)
class ExpectedAccuracy:
    """A share of right answers from 0 to 1, with its 95 % interval."""

    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """Expected accuracy of the classifier of all labels.

    Args:
        new: On new texts like those of the file.
        unlabelled: On the file's texts without a label. They are easier: the hard ones were asked.
        measured: Labelled texts, drawn at random, that it was measured with.
        agreement: Share of texts that a model without these labels gives the same label as the model of all.
    """

    new: ExpectedAccuracy
    unlabelled: ExpectedAccuracy
    measured: int
    agreement: float

    @property
    def is_stable(self) -> bool:
        """Whether more labels are hardly worth it: a fifth fewer give nearly the same predictions."""
        return self.agreement >= STABLE


@dataclass(frozen=True)
class Labelled:
    """Numbers of texts and the label of each."""

    rows: np.ndarray
    names: np.ndarray


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (rows, width) to length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)).astype(np.float32)


def balanced_regression(vectors: np.ndarray, targets: np.ndarray) -> LogisticRegression:
    """Multinomial logistic regression with an L2 penalty, in which every class weighs the same.

    Without that, a class with few labels so far is hardly ever predicted.

    Args:
        vectors: Of length 1, (labels, width).
        targets: Class of each, (labels,), of two classes at least.
    """
    from sklearn.linear_model import LogisticRegression  # a second, which the page starts without

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few labels of many classes are usual, and what a thousand iterations give
        regression = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000, tol=1e-3)
        return regression.fit(vectors, targets)


class Head:
    """The classifier of the labels so far.

    Args:
        vectors: Of length 1, (labels, width).
        targets: Class of each, (labels,), of two classes at least.
    """

    def __init__(self, vectors: np.ndarray, targets: np.ndarray):
        self.model = balanced_regression(vectors, targets)
        self.classes = self.model.classes_

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Of each class, in the order of `classes`: (texts, classes)."""
        return self.model.predict_proba(vectors)

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """The likeliest class of each, (texts,)."""
        return self.classes[self.probabilities(vectors).argmax(1)]


def estimate(
    vectors: np.ndarray, picked: Labelled, measured: Labelled, part: Head, whole: Head, unlabelled: np.ndarray
) -> Estimate | None:
    """Estimate the accuracy with labelled texts that were drawn at random.

    The others cannot tell: they were chosen because they are typical or hard. Nor can cross-validation on all labels:
    each text was chosen where no other label is near, so that without its own label it is easily wrong. So a third of
    the random ones at a time is answered by a model of all labels but those.

    Args:
        vectors: Of all texts, (texts, width).
        picked, measured: The labels, those drawn at random apart; they had no part in the choice of the others.
        part, whole: Fitted on `picked`, and on all labels.
        unlabelled: Numbers of the texts without a label.

    Returns:
        None with fewer than ten texts drawn at random.
    """
    count = len(measured.rows)
    if count < MIN_MEASURED:
        return None
    hits, confidence = _held_out(vectors, picked, measured)
    accuracy = float(hits.mean())
    # Stopping by the agreement of successive models: Bloodgood and Vijay-Shanker (2009).
    random = np.random.default_rng(0)
    sample = vectors[random.permutation(len(vectors))[:SAMPLE]]
    agreement = float(np.mean(part.predict(sample) == whole.predict(sample)))
    rest = vectors[random.permutation(unlabelled)[:SAMPLE]]
    easier = _accuracy_at(_confidence(whole, rest), confidence, hits) - accuracy if len(rest) else 0.0
    low, high = wilson(accuracy, count)
    shifted = (min(1.0, max(0.0, share + easier)) for share in (accuracy, low, high))
    return Estimate(ExpectedAccuracy(accuracy, low, high), ExpectedAccuracy(*shifted), count, agreement)


def _held_out(vectors: np.ndarray, picked: Labelled, measured: Labelled) -> tuple[np.ndarray, np.ndarray]:
    """Whether each measured text is answered right by a model without its label, and how sure that model is."""
    hits, confidence = np.zeros(len(measured.rows), bool), np.zeros(len(measured.rows))
    for fold in range(FOLDS):
        is_held = np.arange(len(hits)) % FOLDS == fold
        rows = np.concatenate([picked.rows, measured.rows[~is_held]])
        head = Head(vectors[rows], np.concatenate([picked.names, measured.names[~is_held]]))
        held = vectors[measured.rows[is_held]]
        hits[is_held] = head.predict(held) == measured.names[is_held]
        confidence[is_held] = _confidence(head, held)
    return hits, confidence


def _confidence(head: Head, vectors: np.ndarray) -> np.ndarray:
    """Log-odds of the likeliest class, (texts,)."""
    share = head.probabilities(vectors).max(1).clip(1e-6, 1 - 1e-6)
    return np.log(share / (1 - share))


def _accuracy_at(wanted: np.ndarray, confidence: np.ndarray, hits: np.ndarray) -> float:
    """Mean accuracy of texts with other confidence, by a logistic curve through the measured ones (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression

    if hits.all() or not hits.any():
        return float(hits.mean())
    middle, spread = confidence.mean(), confidence.std() + 1e-6
    curve = LogisticRegression().fit(((confidence - middle) / spread)[:, None], hits)
    return float(curve.predict_proba(((wanted - middle) / spread)[:, None])[:, 1].mean())
