"""Map of sentences: sentence vectors projected to two dimensions by PCA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from training.errors import UserError
from training.wording import counted

MAX_TEXTS = 500
MIN_TEXTS = 3


def sentence_map(model: EncoderPredictor, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Project sentence vectors to their first two principal components.

    Returns:
        Points, (texts, 2), and the explained share of the variance of each axis, (2,).

    Raises:
        UserError: If there are too few texts or too many.
    """
    if not MIN_TEXTS <= len(texts) <= MAX_TEXTS:
        raise UserError(f"{counted(len(texts), 'text')} given; {MIN_TEXTS} to {MAX_TEXTS} were expected, one per line.")
    pca = PCA(n_components=2, random_state=0)
    points = pca.fit_transform(model.vectors(list(texts)))
    return points, pca.explained_variance_ratio_
