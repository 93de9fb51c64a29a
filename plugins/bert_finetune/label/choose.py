"""Which texts to label next: typical ones while labels are few, later those between two classes; never ten alike."""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 20  # whose distance says how typical a text is
MAX_CLUSTERS = 500
ITERATIONS = 10  # of k-means
SAMPLE = 3000  # texts among which typical ones are looked for
CANDIDATES = 10  # uncertain texts for each that is chosen


def typical_rows(vectors: np.ndarray, labelled: np.ndarray, unlabelled: np.ndarray, count: int) -> np.ndarray:
    """Choose typical texts of clusters that have the fewest labels (TypiClust; Hacohen et al., 2022).

    Args:
        vectors: Of length 1, (texts, width).
        labelled: Row numbers with a label, in which clusters are covered.
        unlabelled: Row numbers to choose from.
        count: How many; fewer where there are fewer.

    Returns:
        Row numbers, those of the largest clusters without a label first.
    """
    count = min(count, len(unlabelled))
    if not count:
        return unlabelled[:0]
    random = np.random.default_rng(len(labelled))
    rows = np.concatenate([labelled, random.permutation(unlabelled)[: max(SAMPLE, count)]])
    cluster = _clusters(vectors[rows], min(len(labelled) + count, MAX_CLUSTERS))
    wanted = int(cluster.max()) + 1
    covered = np.bincount(cluster[: len(labelled)], minlength=wanted)
    sizes, chosen = np.bincount(cluster, minlength=wanted), []
    is_free = np.arange(len(rows)) >= len(labelled)
    while len(chosen) < count:
        has_free = np.bincount(cluster[is_free], minlength=wanted) > 0
        order = np.lexsort((-sizes, covered, ~has_free))  # with a free text, fewest labels, largest
        members = np.flatnonzero(cluster == order[0])
        free = members[is_free[members]]
        best = free[_typicality(vectors[rows[free]], vectors[rows[members]]).argmax()]
        chosen.append(rows[best])
        is_free[best] = False
        covered[order[0]] += 1
    return np.array(chosen, int)


def _clusters(vectors: np.ndarray, count: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Number of the cluster of each vector, by k-means; no more clusters than there are different vectors."""
    from sklearn.cluster import KMeans  # a second, which the page starts without

    count = min(count, len(np.unique(vectors, axis=0)))
    return KMeans(count, n_init="auto", max_iter=ITERATIONS, random_state=0).fit_predict(vectors, sample_weight=weights)


def _typicality(vectors: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Inverse of the mean distance to the nearest neighbours in the cluster, without oneself."""
    nearest = min(NEIGHBOURS, len(cluster) - 1)
    if nearest < 1:
        return np.ones(len(vectors))
    distances = np.sqrt(np.clip(2 - 2 * vectors @ cluster.T, 0, None))
    near = np.partition(distances, nearest, axis=1)[:, : nearest + 1]
    return nearest / near.sum(1).clip(min=1e-12)


def margin_rows(vectors: np.ndarray, probabilities: np.ndarray, unlabelled: np.ndarray, count: int) -> np.ndarray:
    """Choose texts whose two likeliest classes are close, one from each cluster of the closest (Zhdanov, 2019).

    Args:
        vectors: Of length 1, (texts, width).
        probabilities: Of the unlabelled texts, (unlabelled, classes).

    Returns:
        Row numbers, the smallest margin first.
    """
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    margins = two[:, 1] - two[:, 0]
    nearest = np.argsort(margins, kind="stable")[: CANDIDATES * count]
    if len(nearest) <= count:
        return unlabelled[nearest]
    candidates = vectors[unlabelled[nearest]]
    weights = 1 - margins[nearest]
    cluster = _clusters(candidates, count, weights)
    firsts = np.sort(np.unique(cluster, return_index=True)[1])  # candidates are in the order of their margins
    more = np.setdiff1d(np.arange(len(nearest)), firsts)[: count - len(firsts)]  # of texts that are equal
    return unlabelled[nearest[np.concatenate([firsts, more])]]
