"""Few labels: train the encoder to put texts of a class close together, then fit the head on its vectors.

SetFit (Tunstall et al., 2022, arXiv:2209.11055) does so with pairs of texts, each of which costs two forward passes.
Here a step encodes a batch once and compares all of its pairs, with a text of its own class beside each text, so that
also a batch of 77 classes has pairs to draw together. The cosines of all pairs count alike, or the softmax of a text's
cosines counts most the texts of other classes that are closest to it: `few_labels` says when.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from plugins.bert_finetune.classify.few_labels import MANY_CLASSES, is_by_cosines
from plugins.bert_finetune.classify.tokenized_texts import TokenizedRow, TokenizedTexts
from plugins.bert_finetune.label.head import balanced_regression

TEMPERATURE = 0.1  # of the cosines; 0.3 gave the same accuracy on SST-2
INVERSE_PENALTY, INVERSE_PENALTY_OF_MANY = 1.0, 10.0  # of logistic regression on unit vectors, by classes
ABSENT_BIAS = -5.0  # of a class without rows, relative to the smallest bias


def loss_for(rows: int, classes: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The loss that did better with so many training rows and classes."""
    return cosine_loss if is_by_cosines(rows, classes) else softmax_loss


def cosine_loss(vectors: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """How far the cosines of all pairs of a batch are from 1 within a class and 0 between two (Tunstall et al., 2022).

    Pairs within a class count one half, however few they are, and pairs between classes the other.

    Args:
        vectors: (texts, width), of any length.
        classes: Class ids, (texts,).

    Returns:
        The share of each text, whose mean is the loss, (texts,).
    """
    others = ~torch.eye(len(classes), dtype=torch.bool, device=classes.device)
    unit = functional.normalize(vectors.float(), dim=-1)
    alike = classes[:, None] == classes[None]  # (texts, texts)
    squared = (unit @ unit.T - alike.float()) ** 2
    parts = ((squared * pairs).sum(1) / pairs.sum().clamp(min=1) for pairs in (alike & others, ~alike))
    return 0.5 * len(classes) * sum(parts, torch.zeros_like(squared[0]))


def softmax_loss(vectors: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """How far each text is from those of its class, compared with all others of the batch (Khosla et al., 2020,
    arXiv:2004.11362, eq. 2).

    Args:
        vectors: (texts, width), of any length; every text needs another one of its class, or counts as 0.
        classes: Class ids, (texts,).

    Returns:
        One loss per text, (texts,).
    """
    itself = torch.eye(len(classes), dtype=torch.bool, device=classes.device)
    unit = functional.normalize(vectors.float(), dim=-1)
    logits = (unit @ unit.T / TEMPERATURE).masked_fill(itself, float("-inf"))  # (texts, texts)
    positive = (classes[:, None] == classes[None]) & ~itself
    log_probability = torch.log_softmax(logits, -1).masked_fill(~positive, 0.0)
    return -log_probability.sum(1) / positive.sum(1).clamp(min=1)


def with_partners(rows: list[TokenizedRow], data: TokenizedTexts, rng: np.random.Generator) -> list[TokenizedRow]:
    """Rows, and behind them one other row of the class of each.

    The only row of its class is its own partner: dropout makes two vectors of it (Gao et al., 2021, arXiv:2104.08821).
    """
    return [*rows, *(data[_partner(row, data, rng)] for row in rows)]


def _partner(row: TokenizedRow, data: TokenizedTexts, rng: np.random.Generator) -> int:
    members = np.flatnonzero(data.targets == row.target)
    drawn = int(rng.integers(len(members)))
    if data.ids[members[drawn]] is row.ids:
        drawn = (drawn + 1) % len(members)
    return int(members[drawn])


def head_weights(
    vectors: np.ndarray, targets: np.ndarray, classes: int, balanced: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Weights, (classes, width), and biases, (classes,), of logistic regression on vectors of mean length 1.

    Args:
        balanced: Whether rows count by the inverse frequency of their class, as where texts are labelled.
    """
    length = float(np.linalg.norm(vectors, axis=1).mean()) or 1.0
    regression: Any = (balanced_regression if balanced else _regression)(vectors / length, targets)
    slopes, constants = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # scikit-learn stores the second class alone
        half = np.array([[-0.5], [0.5]])
        slopes, constants = half * slopes, half[:, 0] * constants
    weight = np.zeros((classes, vectors.shape[1]))
    bias = np.full(classes, constants.min() + ABSENT_BIAS)
    weight[regression.classes_], bias[regression.classes_] = slopes / length, constants
    return weight.astype(np.float32), bias.astype(np.float32)


def _regression(vectors: np.ndarray, targets: np.ndarray) -> LogisticRegression:
    """Multinomial logistic regression with an L2 penalty on vectors of length 1, (rows, width)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not converged after so many iterations is good enough
        many = len(np.unique(targets)) > MANY_CLASSES
        penalty = INVERSE_PENALTY_OF_MANY if many else INVERSE_PENALTY
        return LogisticRegression(C=penalty, max_iter=1000).fit(vectors, targets)
