"""Directions of the word vectors in which the labels of tasks differ, which co-occurrence alone hardly tells apart.

Good and bad stand beside the same words, so that their vectors are alike. Labelled tasks know better: over all of them
these are the directions with the largest ratio of the variance between labels to that within a label (linear
discriminant analysis: Rao, 1948, with the scatter of several tasks averaged). They are appended to the vectors, so that
a cosine counts them as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plugins.gpt_prompting.models.word_vectors import WordVectors
from plugins.gpt_prompting.pretrain.labelled_tasks import LabelledTask

# Chosen on trained tasks, each left out in turn: docs/experiments/gpt_prompting.md#directions-of-labels
DIRECTIONS = 4
WEIGHT = 0.5  # root of their share of a text's squared length, relative to the rest
SHRINKAGE = 0.5  # of the variance within labels to that of a sphere
MIN_LABEL_TEXTS = 8
MAX_LABELS, MAX_TEXTS = 200, 3000  # of a task that are looked at


def with_label_directions(vectors: WordVectors, tasks: Sequence[LabelledTask], seed: int = 0) -> WordVectors:
    """The vectors and their directions of labels, (words, width + 4); as they are if no task has two large labels."""
    from scipy.linalg import eigh  # prompting does without it

    random = np.random.default_rng([seed, 11])
    scatters = [found for task in tasks if (found := _scatter(vectors, task, random)) is not None]
    if not scatters:
        return vectors
    width = vectors.vectors.shape[1]
    within, between = np.mean([[side / np.trace(side) for side in each] for each in scatters], axis=0)
    count = min(DIRECTIONS, width)
    shrunk = within + SHRINKAGE * np.eye(width) / width
    ratios, directions = eigh(between, shrunk, subset_by_index=(width - count, width - 1))
    directions = directions * np.sqrt(np.maximum(ratios, 0))
    whole = np.mean(scatters, axis=0).sum(0)
    scale = WEIGHT * np.sqrt(np.trace(whole) / np.trace(directions.T @ whole @ directions))
    appended = vectors.vectors @ (scale * directions)
    return WordVectors(list(vectors.words), np.concatenate([vectors.vectors, appended], axis=1))


def _scatter(
    vectors: WordVectors, task: LabelledTask, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Covariance within and between the labels of a task, (width, width) each, of unit texts; None of too few."""
    large = [texts for texts in task.classes.values() if len(texts) >= MIN_LABEL_TEXTS]
    chosen = random.permutation(len(large))[:MAX_LABELS]
    size = max(MIN_LABEL_TEXTS, MAX_TEXTS // max(1, len(chosen)))
    means, residuals = [], []
    for label in chosen:
        found = vectors.embed([large[label][row] for row in random.permutation(len(large[label]))[:size]])
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        found = found[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]
        if len(found) > 1:
            means.append(found.mean(0))
            residuals.append(found - means[-1])
    if len(means) < 2:
        return None
    left, centred = np.concatenate(residuals), np.stack(means) - np.mean(means, axis=0)
    within, between = left.T @ left / len(left), centred.T @ centred / len(means)
    return (within, between) if np.trace(within) > 0 and np.trace(between) > 0 else None
