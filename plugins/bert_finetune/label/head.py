"""Logistic regression on frozen sentence vectors, and the accuracy to expect of it on all texts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from training.labelling.sampling import MIN_MEASURED, wilson

INVERSE_PENALTY = 10.0  # of vectors of length 1
SAMPLE = 2000  # texts that the agreement looks at
STABLE = 0.98  # agreement of predictions from which on more labels change little


@dataclass(frozen=True)
class Estimate:
    """Expected accuracy on the texts of the file.

    Args:
        accuracy: From 0 to 1; `low` and `high` are its 95 % interval.
        measured: Labelled texts, drawn at random, that it was measured with.
        agreement: Share of texts that a model without these labels gives the same label as the model of all.
    """

    accuracy: float
    low: float
    high: float
    measured: int
    agreement: float

    @property
    def is_stable(self) -> bool:
        """Whether more labels are hardly worth it: a fifth fewer give nearly the same predictions."""
        return self.agreement >= STABLE


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (rows, width) to length 1, float32."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)).astype(np.float32)


class Head:
    """Multinomial logistic regression with an L2 penalty.

    Args:
        vectors: Of length 1, (labels, width).
        targets: Class of each, (labels,), of two classes at least.
    """

    def __init__(self, vectors: np.ndarray, targets: np.ndarray):
        from sklearn.linear_model import LogisticRegression  # a second, which the page starts without

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The number of unique classes")  # few labels of many classes are usual
            self.model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000, tol=1e-3).fit(vectors, targets)
        self.classes = self.model.classes_

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Of each class, in the order of `classes`: (texts, classes)."""
        return self.model.predict_proba(vectors)

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """The likeliest class of each, (texts,)."""
        return self.classes[self.probabilities(vectors).argmax(1)]


def estimate(part: Head, whole: Head, vectors: np.ndarray, targets: np.ndarray, texts: np.ndarray) -> Estimate | None:
    """Estimate the accuracy on all texts with labelled ones that were drawn at random.

    The others cannot tell: they were chosen because they are typical or hard. Nor can cross-validation on all labels:
    each text was chosen where no other label is near, so that without its own label it is easily wrong.

    Args:
        part: Fitted without the texts drawn at random, which had no part in the choice of the others either. So the
            estimate is that of a model of four fifths of the labels, and a little low.
        whole: Fitted on all labels.
        vectors, targets: Of the texts drawn at random, (measured, width) and (measured,).
        texts: Vectors of all texts, (texts, width); the agreement looks at a sample of 2,000.

    Returns:
        None with fewer than ten texts drawn at random.
    """
    if len(targets) < MIN_MEASURED:
        return None
    accuracy = float(np.mean(part.predict(vectors) == targets))
    # Stopping by the agreement of successive models: Bloodgood and Vijay-Shanker (2009).
    sample = texts[np.random.default_rng(0).permutation(len(texts))[:SAMPLE]]
    agreement = float(np.mean(part.predict(sample) == whole.predict(sample)))
    return Estimate(accuracy, *wilson(accuracy, len(targets)), len(targets), agreement)
