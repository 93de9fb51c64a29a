"""Initialise word embeddings with co-occurrence vectors of the corpus: positive PMI, truncated SVD.

Counting co-occurrences takes seconds; masked language modelling takes long to learn as much about which words are
similar. With few labels, such embeddings help more than layers that know word order
(docs/experiments/bert_finetune.md#co-occurrence-embeddings-mean-embedding-loss-word-shuffling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.corpus import TokenizedCorpus

WINDOW = 5  # tokens on either side
SMOOTHING = 0.75  # exponent of the context counts: otherwise rare contexts get too high a PMI with every word
SCRATCH_SCALE = (
    5.0  # standard deviation relative to the default initialisation; tuned: smaller is forgotten, larger hardly moves
)
MAX_COUNTED_TOKENS = 50_000_000  # more would only refine rare words
ROUNDING_SHARE = 1e-4  # relative to the largest value: smaller ones are rounding
CHUNK_TOKENS = 2_000_000  # tokens whose pairs are in memory at once


@torch.no_grad()
def init_from_cooccurrence(model: Any, corpus: TokenizedCorpus, special: list[int], scale: float) -> None:
    """Replace the word embeddings by co-occurrence vectors, rotated to match the old ones.

    The rotation solves the orthogonal Procrustes problem (Schönemann, 1966).

    Unchanged are the mean of the embeddings, tokens that the corpus lacks, and dimensions that are constant over words.

    Args:
        special: Token ids whose embeddings stay.
        scale: Standard deviation of the result relative to the old embeddings. Position and segment embeddings are
            scaled along.
    """
    words = model.get_input_embeddings().weight
    used = words.std(dim=0) > 0
    old = words[:, used]
    common = old.mean(dim=0)
    vectors = torch.from_numpy(cooccurrence_vectors(corpus, len(words), min(int(used.sum()), len(words) - 1))).to(words)
    counted = (vectors != 0).any(dim=1)
    counted[special] = False
    if not counted.any():
        return
    vectors -= vectors[counted].mean(dim=0)
    if float(vectors[counted].abs().max()) < ROUNDING_SHARE:  # all words have the same contexts
        return
    left, _, right = torch.linalg.svd(vectors[counted].T @ (old[counted] - common), full_matrices=False)
    rotated = vectors[counted] @ (left @ right)  # (counted, width)
    new = old.clone()
    new[counted] = common + rotated * ((old - common).std() / rotated.std())
    words[:, used] = new
    if scale != 1:
        for name, weight in model.base_model.embeddings.named_parameters():
            if name.endswith("embeddings.weight"):
                weight *= scale


def cooccurrence_vectors(corpus: TokenizedCorpus, vocabulary: int, width: int) -> np.ndarray:
    """Word vectors U sqrt(S) of the truncated SVD of positive PMI, normalised to length 1.

    Levy, Goldberg & Dagan (2015, §3.3) with eigenvalue weighting p = 0.5.

    Args:
        vocabulary: Number of token ids, V.
        width: Dimensions, less than V.

    Returns:
        float32, (V, width); zeros for tokens without context.
    """
    from sklearn.decomposition import TruncatedSVD  # 1.5 s, which runs without it save

    svd = TruncatedSVD(width, n_iter=7, random_state=0)
    projected = svd.fit_transform(_positive_pmi(_cooccurrence_counts(corpus, vocabulary)))  # U S
    values = svd.singular_values_
    vectors = projected * (values > values[0] * ROUNDING_SHARE) / np.sqrt(np.maximum(values, 1e-30))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > lengths.max() * ROUNDING_SHARE, vectors / np.maximum(lengths, 1e-30), 0).astype(
        np.float32
    )


def _cooccurrence_counts(corpus: TokenizedCorpus, vocabulary: int) -> csr_array:
    """Count how often two tokens occur within `WINDOW` of each other in one document, (V, V)."""
    counts = csr_array((vocabulary, vocabulary), dtype=np.float32)
    tokens = corpus.tokens[:MAX_COUNTED_TOKENS]
    for start in range(0, len(tokens), CHUNK_TOKENS):
        positions = np.arange(start, min(start + CHUNK_TOKENS + WINDOW, len(tokens)))
        numbers = np.searchsorted(corpus.documents, positions, side="right")  # of each token's document
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
