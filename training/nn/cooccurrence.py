"""Word vectors from co-occurrence: positive pointwise mutual information, truncated SVD."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array

WINDOW = 5  # tokens on either side
SMOOTHING = 0.75  # exponent of the context counts: otherwise rare contexts get too high a PMI with every word
MAX_COUNTED_TOKENS = 50_000_000  # more would only refine rare words
ROUNDING_SHARE = 1e-4  # relative to the largest value: smaller ones are rounding
CHUNK_TOKENS = 2_000_000  # tokens whose pairs are in memory at once


def cooccurrence_vectors(tokens: np.ndarray, documents: np.ndarray, vocabulary: int, width: int) -> np.ndarray:
    """Word vectors U sqrt(S) of the truncated SVD of positive PMI, normalised to length 1.

    Levy, Goldberg & Dagan (2015, §3.3) with eigenvalue weighting p = 0.5.

    Args:
        tokens: Ids of concatenated documents, (tokens,).
        documents: Start of each document in `tokens`, and the end, (documents + 1,).
        vocabulary: Number of ids, V.
        width: Dimensions, less than V.

    Returns:
        float32, (V, width); zeros for tokens without context.
    """
    from sklearn.decomposition import TruncatedSVD  # 1.5 s, which runs without it save

    svd = TruncatedSVD(width, n_iter=7, random_state=0)
    projected = svd.fit_transform(_positive_pmi(_cooccurrence_counts(tokens, documents, vocabulary)))  # U S
    values = svd.singular_values_
    vectors = projected * (values > values[0] * ROUNDING_SHARE) / np.sqrt(np.maximum(values, 1e-30))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > lengths.max() * ROUNDING_SHARE, vectors / np.maximum(lengths, 1e-30), 0).astype(
        np.float32
    )


def _cooccurrence_counts(tokens: np.ndarray, documents: np.ndarray, vocabulary: int) -> csr_array:
    """Count how often two tokens occur within `WINDOW` of each other in one document, (V, V)."""
    counts = csr_array((vocabulary, vocabulary), dtype=np.float32)
    tokens = tokens[:MAX_COUNTED_TOKENS]
    for start in range(0, len(tokens), CHUNK_TOKENS):
        positions = np.arange(start, min(start + CHUNK_TOKENS + WINDOW, len(tokens)))
        numbers = np.searchsorted(documents, positions, side="right")  # of each token's document
        for distance in range(1, WINDOW + 1):
            end = max(start, min(start + CHUNK_TOKENS, len(tokens) - distance))
            left, right = slice(start, end), slice(start + distance, end + distance)
            same = numbers[: end - start] == numbers[distance : distance + end - start]
            pairs = tokens[left][same], tokens[right][same]
            counts = counts + coo_array((np.ones(len(pairs[0]), np.float32), pairs), shape=counts.shape).tocsr()
    return counts + counts.T


def _positive_pmi(counts: csr_array) -> csr_array:
    """max(0, log P(word, context) / (P(word) P(context))), (V, V)."""
    words = counts.sum(axis=1)
    contexts = words**SMOOTHING / np.sum(words**SMOOTHING)
    pairs = counts.tocoo()
    pmi = np.log(pairs.data / (words[pairs.row] * contexts[pairs.col]))
    positive = pmi > 0
    return coo_array((pmi[positive], (pairs.row[positive], pairs.col[positive])), shape=counts.shape).tocsr()
