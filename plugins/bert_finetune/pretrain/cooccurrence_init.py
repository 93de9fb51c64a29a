"""Initialise word embeddings with co-occurrence vectors of the corpus: positive PMI, truncated SVD.

Counting co-occurrences takes seconds; masked language modelling takes long to learn as much about which words are
similar. With few labels, such embeddings help more than layers that know word order
(docs/experiments/bert_finetune.md#co-occurrence-embeddings-mean-embedding-loss-word-shuffling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from training.nn.cooccurrence import ROUNDING_SHARE, cooccurrence_vectors

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.corpus import TokenizedCorpus

SCRATCH_SCALE = (
    5.0  # standard deviation relative to the default initialisation; tuned: smaller is forgotten, larger hardly moves
)


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
    width = min(int(used.sum()), len(words) - 1)
    vectors = torch.from_numpy(cooccurrence_vectors(corpus.tokens, corpus.documents, len(words), width)).to(words)
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
