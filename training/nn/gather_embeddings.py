"""Gather embeddings of all processes with gradients, for losses that compare the rows of a batch."""

from __future__ import annotations

import torch
from torch.distributed.nn.functional import all_gather


def gather_embeddings(embeddings: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Gather the rows of all processes, in the order of their ranks, with gradients through all of them.

    Each process then computes the losses of its own rows against all rows, and the mean of the gradients over processes
    is that of one process with the whole batch. A single process gets its own rows back.

    Args:
        embeddings: This process's rows, (rows, width); the same number in every process.

    Returns:
        All rows, (rows of all processes, width), and the index of this process's first row among them.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return embeddings, 0
    shares = all_gather(embeddings.contiguous())
    return torch.cat(tuple(shares)), len(embeddings) * torch.distributed.get_rank()
