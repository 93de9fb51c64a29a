"""Sentence vectors projected to two dimensions by PCA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from plugins.bert_finetune.models.pooling import embed
from training.errors import UserError
from training.wording import counted

MAX_TEXTS = 500
MIN_TEXTS = 3


def sentence_map(model: Any, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sentence vectors in two dimensions, by principal components.

    Returns:
        Places, (texts, 2), and the share of the variance that each axis holds, (2,).

    Raises:
        UserError: If there are too few texts or too many.
    """
    if not MIN_TEXTS <= len(texts) <= MAX_TEXTS:
        raise UserError(f"{counted(len(texts), 'text')} given; {MIN_TEXTS} to {MAX_TEXTS} were expected, a line each.")
    found = PCA(n_components=2, random_state=0)
    places = found.fit_transform(embed(model, list(texts)))
    return places, found.explained_variance_ratio_
