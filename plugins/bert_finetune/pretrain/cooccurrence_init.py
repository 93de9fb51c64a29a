"""Word embeddings that begin as co-occurrence vectors of the corpus, which its counts give in seconds.

What a word is said beside is told by a count of all the text at once; a network that guesses hidden words takes long to find as
much. Where labels are few, embeddings that know it are worth more than layers that know order (docs/experiments.md, 2026-11-26).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from plugins.bert_finetune.pretrain.data import Corpus

WINDOW = 5  # tokens to either side
SMOOTHING = 0.75  # power of the context counts: rare contexts would be surprising beside anything
SPREAD = 5.0  # standard deviation, in those of the network's own start: small enough for the optimiser to move, too large to forget
MOST_TOKENS = 50_000_000  # counted: more would sharpen rare words only
NOISE = 1e-4  # of the greatest: what is smaller is rounding
AT_ONCE = 2_000_000  # tokens whose pairs are in memory together


@torch.no_grad()
def begin_with_cooccurrence(model: Any, corpus: Corpus, kept: list[int], scale: float) -> None:
    """Put the vectors in the place of the word embeddings, turned to agree with what is there (Schönemann, 1966).

    What the embeddings have in common stays, as do tokens that the corpus lacks and dimensions that no word has.

    Args:
        kept: Token ids whose embeddings stay: the special ones.
        scale: Standard deviation, in that of the embeddings as they are. All that is added to them is scaled along.
    """
    words = model.get_input_embeddings().weight
    used = words.std(dim=0) > 0
    old = words[:, used]
    common = old.mean(dim=0)
    vectors = torch.from_numpy(cooccurrence_vectors(corpus, len(words), min(int(used.sum()), len(words) - 1))).to(words)
    counted = (vectors != 0).any(dim=1)
    counted[kept] = False
    if not counted.any():
        return
    vectors -= vectors[counted].mean(dim=0)
    if float(vectors[counted].abs().max()) < NOISE:  # all stand beside the same words: nothing tells them apart
        return
    left, _, right = torch.linalg.svd(vectors[counted].T @ (old[counted] - common), full_matrices=False)
    turned = vectors[counted] @ (left @ right)  # (counted, width)
    new = old.clone()
    new[counted] = common + turned * ((old - common).std() / turned.std())
    words[:, used] = new
    if scale != 1:
        for name, weight in model.base_model.embeddings.named_parameters():
            if name.endswith("embeddings.weight"):
                weight *= scale


def cooccurrence_vectors(corpus: Corpus, vocabulary: int, width: int) -> np.ndarray:
    """Vectors whose products tell how much oftener than by chance two tokens stand near each other.

    Positive pointwise mutual information, its truncated singular value decomposition, half of the singular values left with the
    words, rows of length 1 (Levy, Goldberg & Dagan, 2015, §3.3).

    Args:
        vocabulary: Number of token ids, V.
        width: Numbers a vector, less than V.

    Returns:
        float32, (V, width). A token that stands beside nothing has zeros.
    """
    from sklearn.decomposition import TruncatedSVD

    found = TruncatedSVD(width, n_iter=7, random_state=0)
    projected = found.fit_transform(_information(_counts(corpus, vocabulary)))  # times the whole singular values
    values = found.singular_values_
    vectors = projected * (values > values[0] * NOISE) / np.sqrt(np.maximum(values, 1e-30))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > lengths.max() * NOISE, vectors / np.maximum(lengths, 1e-30), 0).astype(np.float32)


def _counts(corpus: Corpus, vocabulary: int) -> csr_array:
    """How often each token stands within `WINDOW` of each other in one document, (V, V)."""
    from scipy.sparse import coo_array, csr_array

    found = csr_array((vocabulary, vocabulary), dtype=np.float32)
    tokens = corpus.tokens[:MOST_TOKENS]
    documents = np.repeat(np.arange(len(corpus)), np.diff(corpus.documents))[:MOST_TOKENS]
    for start in range(0, len(tokens), AT_ONCE):
        for distance in range(1, WINDOW + 1):
            end = max(start, min(start + AT_ONCE, len(tokens) - distance))
            one, other = slice(start, end), slice(start + distance, end + distance)
            same = documents[one] == documents[other]
            pairs = tokens[one][same], tokens[other][same]
            found = found + coo_array((np.ones(len(pairs[0]), np.float32), pairs), shape=found.shape).tocsr()
    return found + found.T


def _information(counts: csr_array) -> csr_array:
    """Positive pointwise mutual information, log of P(word, context) over P(word) P(context), (V, V)."""
    from scipy.sparse import coo_array

    words = counts.sum(axis=1)
    contexts = words**SMOOTHING / np.sum(words**SMOOTHING)
    pairs = counts.tocoo()
    information = np.log(pairs.data / (words[pairs.row] * contexts[pairs.col]))
    kept = information > 0
    return coo_array((information[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape).tocsr()
