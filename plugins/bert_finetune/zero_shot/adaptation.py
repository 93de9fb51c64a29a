"""Move the vectors of label names towards the texts that they are nearest to.

A name and a text of its topic are different kinds of text, so that their vectors differ in more than the topic. Texts
of one file are alike: the mean of the texts that a name attracts is a better prototype than the name. This is
spherical k-means (Dhillon & Modha, 2001) with soft assignment, started at the names and held back by them, so that a
cluster keeps its meaning. It takes from the file that labels are of similar frequency: where one label has nearly all
texts, the others attract texts that are not theirs. Measured in
docs/experiments/bert_finetune.md#no-labels-by-their-names.
"""

from __future__ import annotations

import numpy as np

from plugins.bert_finetune.label.head import unit

PULL = 3 / 5  # weight of the texts' mean, relative to the name
TEMPERATURE = 0.05  # of the cosines
ROUNDS = 5
MUCH_IN_COMMON = 0.6  # length of the mean of unit vectors: 0.24 to 0.48 for MiniLM, 0.74 to 0.84 for the starter
MIN_TEXTS_PER_LABEL = 10  # below it, means of texts are left to chance


def adapted_scores(names: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Cosines of texts and prototypes of the labels, (texts, labels).

    Vectors of encoders that were not trained to compare texts have a large part in common, in which a name and a text
    of another kind differ most. It is taken out first (Mu & Viswanath, 2018, who call it the common mean).

    Args:
        names: Vectors of the label names, of length 1, (labels, width).
        texts: Vectors of texts without labels, of length 1, (texts, width).
    """
    if np.linalg.norm(texts.mean(0)) > MUCH_IN_COMMON:
        names, texts = unit(names - names.mean(0)), unit(texts - texts.mean(0))
    return texts @ adapt_to_texts(names, texts).T


def adapt_to_texts(names: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Prototypes of the labels, (labels, width), of length 1.

    Args:
        names: Vectors of the label names, of length 1, (labels, width).
        texts: Vectors of texts without labels, of length 1, (texts, width).
    """
    prototypes = names
    for _ in range(ROUNDS):
        logits = texts @ prototypes.T / TEMPERATURE  # (texts, labels)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        prototypes = unit(names + PULL * unit(shares.T @ texts))
    return prototypes
