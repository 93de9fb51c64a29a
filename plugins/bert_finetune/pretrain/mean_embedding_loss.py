"""Mean-embedding loss: predict the mean word embedding of a text from its [CLS] vector by a linear layer.

With masked language modelling alone, a linear probe found less in the [CLS] vector than in the plain mean of the word
embeddings (docs/experiments/bert_finetune.md#co-occurrence-embeddings-mean-embedding-loss-word-shuffling). This loss
keeps the information of the mean in the [CLS] vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from plugins.bert_finetune.models.pooling import row_means
from plugins.bert_finetune.pretrain.windows import CorpusWindow

MEASURED_ROWS = 4000  # rows that say what is usual


class MeanEmbeddingHead(nn.Module):
    """A linear layer on the [CLS] vector; it is trained with the network and not saved with it.

    Args:
        width: Width of the [CLS] vector.
        size: Width of the word embeddings.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int, size: int):
        super().__init__()
        self.linear = nn.Linear(width, size)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def measure(self, embeddings: Tensor, rows: Sequence, special: list[int]) -> None:
        """Measure mean and standard deviation, (size,), of the mean embeddings of sampled rows, to standardise targets.

        Args:
            embeddings: Current word embeddings, (vocabulary, size).
            rows: Windows of the corpus.
            special: Ids of special tokens.
        """
        sampled = np.random.default_rng(0).permutation(len(rows))[:MEASURED_ROWS]
        words = [own for row in sampled if len(own := _words(rows[int(row)], special))]
        if not words:
            return
        owners = torch.arange(len(words)).repeat_interleave(torch.tensor([len(own) for own in words]))
        vectors = embeddings.detach()[torch.from_numpy(np.concatenate(words)).to(embeddings.device)]
        means = row_means(vectors, owners.to(embeddings.device), len(words))
        self.mean.copy_(means.mean(dim=0))
        self.std.copy_(means.std(dim=0, correction=0).clamp(min=1e-6))

    def forward(self, cls: Tensor, embeddings: Tensor, words: Tensor, owners: Tensor) -> Tensor:
        """Mean squared error of each row, (rows,), of standardised targets; the embeddings get no gradient.

        Args:
            cls: [CLS] vectors, (rows, width).
            words: Distinct token ids of all rows, (words,).
            owners: Row of each word, (words,).
        """
        means = row_means(embeddings.detach().float()[words], owners, len(cls))
        errors = (self.linear(cls).float() - (means - self.mean) / self.std).square().mean(dim=1)
        return errors * (torch.bincount(owners, minlength=len(cls)) > 0)  # a row without words has no mean


def _words(row: CorpusWindow, special: list[int]) -> np.ndarray:
    return np.setdiff1d(row.corpus.tokens[row.start : row.end], special).astype(np.int64)
