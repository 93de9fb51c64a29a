"""Calibration of label probabilities against what a model predicts regardless of the input.

Contextual calibration (Zhao et al., 2021, §5): probabilities are divided by those that the same prompt gives to
content-free inputs, and renormalised (W = diag(p_cf)^-1, b = 0). Domain-context calibration (Fei et al., 2023, §4): the
same with random words of the task's texts in place of content-free inputs; the words are those of the examples, since a
prompt has no other texts. Domain-conditional PMI (Holtzman et al., 2021, eq. 3):
log P(label | prompt) minus log P(label | domain premise); the premise here is the text of the template between the last
variable and the label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.gpt_prompting.prompting.prompts import Row

CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. average over these
DOMAIN_TEXTS = 20  # Fei et al. average over as many


def distribution(scores: np.ndarray) -> np.ndarray:
    """Normalise log-likelihoods in nats, (rows, labels), to probabilities over the labels."""
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def contextual(scores: np.ndarray, content_free: np.ndarray) -> np.ndarray:
    """Calibrate contextually; returns probabilities, (rows, labels).

    Args:
        scores: Log-likelihoods of the labels, (rows, labels).
        content_free: The same for content-free inputs, (inputs, labels); their probabilities are averaged.
    """
    prior = distribution(content_free).mean(0)
    return distribution(scores - np.log(np.maximum(prior, 1e-12)))


def content_free_rows(fields: Sequence[str]) -> list[Row]:
    """The content-free inputs, as rows of a prompt with these variables."""
    return [dict.fromkeys(fields, text) for text in CONTENT_FREE]


def random_word_rows(examples: Sequence[Row], fields: Sequence[str]) -> list[Row]:
    """Rows of words drawn from the examples, each value as long as theirs on average; the same ones at every call."""
    random, words = np.random.default_rng(53), {}
    for field in fields:
        values = [str(row[field]).split() for row in examples]
        pool = [word for value in values for word in value] or [""]
        words[field] = random.choice(pool, (DOMAIN_TEXTS, max(1, len(pool) // len(values)))).tolist()
    return [{field: " ".join(texts[number]) for field, texts in words.items()} for number in range(DOMAIN_TEXTS)]


def pmi(scores: np.ndarray, premise: np.ndarray) -> np.ndarray:
    """Calibrate by domain-conditional PMI; returns probabilities, (rows, labels).

    Args:
        premise: Log-likelihoods of the labels after the domain premise alone, (labels,).
    """
    return distribution(scores - premise)
