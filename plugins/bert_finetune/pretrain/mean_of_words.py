"""The first token's vector must tell the mean of the row's word embeddings, as a linear function of itself.

Layers that guess hidden words keep in the first token what the frequent words need. Of what the embeddings know, logistic regression
read less off it than off their mere mean (docs/experiments.md, 2026-11-26); with this, nothing that the mean holds is lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from plugins.bert_finetune.pretrain.examples import Window

MEASURED = 4000  # rows that say what is usual


class MeanOfWords(nn.Module):
    """A linear layer on the first token's vector; it is trained with the network and not saved with it.

    Args:
        embeddings: Of the words as they are now, (vocabulary, size).
        rows: Windows of the corpus, whose means say what is usual.
        width: Of the first token's vector.
    """

    usual: Tensor
    spread: Tensor

    def __init__(self, embeddings: Tensor, rows: Sequence, width: int):
        super().__init__()
        self.read = nn.Linear(width, embeddings.shape[1])
        drawn = np.random.default_rng(0).permutation(len(rows))[:MEASURED]
        means = torch.stack(
            [embeddings.detach()[torch.from_numpy(_words(rows[int(row)]))].mean(dim=0) for row in drawn]
        )
        self.register_buffer("usual", means.mean(dim=0))
        self.register_buffer("spread", means.std(dim=0, correction=0).clamp(min=1e-6))

    def forward(self, first: Tensor, embeddings: Tensor, words: Tensor, owners: Tensor) -> Tensor:
        """Mean squared error of each row, (rows,), in units of what is usual; nothing is asked of the embeddings themselves.

        Args:
            first: The first tokens' vectors, (rows, width).
            words: Token ids of all rows, (words,).
            owners: The row of each, (words,).
        """
        counts = torch.bincount(owners, minlength=len(first)).clamp(min=1)
        summed = torch.zeros(len(first), embeddings.shape[1], device=first.device)
        means = summed.index_add_(0, owners, embeddings.detach().float()[words]) / counts[:, None]
        return (self.read(first).float() - (means - self.usual) / self.spread).square().mean(dim=1)


def _words(row: Window) -> np.ndarray:
    return np.unique(row.corpus.tokens[row.start : row.end]).astype(np.int64)
