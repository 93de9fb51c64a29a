"""The first token's vector must tell the mean of the row's word embeddings, as a linear function of itself.

Layers that guess hidden words keep in the first token what the frequent words need. Of what the embeddings know, logistic regression
read less off it than off their mere mean (docs/experiments.md, 2026-11-26); with this, nothing that the mean holds is lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from plugins.bert_finetune.models.pooling import row_means
from plugins.bert_finetune.pretrain.windows import Window

MEASURED = 4000  # rows that say what is usual


class MeanOfWords(nn.Module):
    """A linear layer on the first token's vector; it is trained with the network and not saved with it.

    Args:
        width: Of the first token's vector.
        size: Of a word's embedding.
    """

    usual: Tensor
    spread: Tensor

    def __init__(self, width: int, size: int):
        super().__init__()
        self.read = nn.Linear(width, size)
        self.register_buffer("usual", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def measure(self, embeddings: Tensor, rows: Sequence, special: list[int]) -> None:
        """Find out what is usual: mean and standard deviation, (size,), of the means of some rows.

        Args:
            embeddings: Of the words as they are now, (vocabulary, size).
            rows: Windows of the corpus.
            special: Token ids that are no words.
        """
        drawn = np.random.default_rng(0).permutation(len(rows))[:MEASURED]
        words = [each for row in drawn if len(each := _words(rows[int(row)], special))]
        if not words:
            return
        owners = torch.arange(len(words)).repeat_interleave(torch.tensor([len(each) for each in words]))
        vectors = embeddings.detach()[torch.from_numpy(np.concatenate(words)).to(embeddings.device)]
        means = row_means(vectors, owners.to(embeddings.device), len(words))
        self.usual.copy_(means.mean(dim=0))
        self.spread.copy_(means.std(dim=0, correction=0).clamp(min=1e-6))

    def forward(self, first: Tensor, embeddings: Tensor, words: Tensor, owners: Tensor) -> Tensor:
        """Mean squared error of each row, (rows,), in units of what is usual; nothing is asked of the embeddings themselves.

        Args:
            first: The first tokens' vectors, (rows, width).
            words: Token ids of all rows, (words,).
            owners: The row of each, (words,).
        """
        means = row_means(embeddings.detach().float()[words], owners, len(first))
        errors = (self.read(first).float() - (means - self.usual) / self.spread).square().mean(dim=1)
        return errors * (torch.bincount(owners, minlength=len(first)) > 0)  # a row without words has no mean


def _words(row: Window, special: list[int]) -> np.ndarray:
    return np.setdiff1d(row.corpus.tokens[row.start : row.end], special).astype(np.int64)
