"""Embeddings of the whole batch where several processes compute a share each: for losses that compare rows."""

from __future__ import annotations

import torch
from torch.distributed.nn.functional import all_gather


def gather_embeddings(embeddings: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Gather the rows of all processes, in the order of their ranks, with gradients through all of them.

    Each process then computes the losses of its own rows against everybody's, and the mean over processes of the gradients is
    that of one process with the whole batch. Alone, a process gets its own rows back.

    Args:
        embeddings: This process's rows, (rows, width); the same number in every process.

    Returns:
        All rows, (rows of all processes, width), and the place of this process's first row among them.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return embeddings, 0
    shares = all_gather(embeddings.contiguous())
    return torch.cat(tuple(shares)), len(embeddings) * torch.distributed.get_rank()
