"""Map of sentences: sentence vectors projected to two dimensions by PCA, and their plot."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill, shorten

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from training.errors import UserError
from training.wording import counted

MAX_TEXTS = 500
MIN_TEXTS = 3
MAX_LABELLED = 12  # texts up to which points are labelled with the text instead of its line number
COLOUR = "#0f766e"


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


def plot_sentence_map(model: EncoderPredictor, texts: Sequence[str]) -> Figure:
    """Plot the map, with a label at each point."""
    points, variance = sentence_map(model, texts)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(points[:, 0], points[:, 1], color=COLOUR, s=24)
    for number, (text, point) in enumerate(zip(texts, points, strict=True), 1):
        label = fill(shorten(text, 48, placeholder="…"), 18) if len(texts) <= MAX_LABELLED else str(number)
        axes.annotate(label, tuple(point), fontsize=10, xytext=(0, 5), textcoords="offset points", ha="center")
    axes.set(xlabel=f"first component ({variance[0]:.0%} of the variance)", ylabel=f"second ({variance[1]:.0%})")
    axes.margins(x=0.2, y=0.2)  # the longest label is about that wide
    axes.grid(alpha=0.3)
    return figure
