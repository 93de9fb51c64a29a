"""Chunked cross entropy over a vocabulary: loss and gradient in one pass over the logits, a few rows at a time.

torch stores float32 log probabilities as large as the logits, and allocates as much again in the backward pass; with a
vocabulary of 30,000 that took a seventh of a step in bf16.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from training.nn.fused_cross_entropy import losses_and_gradient

CHUNK_LOGITS = 2**19  # per chunk: 2 MB in float32, which fits into a CPU's cache


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        losses = torch.empty(len(targets), dtype=torch.float32, device=logits.device)
        gradient = torch.empty_like(logits)
        size = max(1, CHUNK_LOGITS // logits.shape[1])
        for start in range(0, len(targets), size):
            chunk = slice(start, start + size)
            losses[chunk], gradient[chunk] = losses_and_gradient(logits[chunk].float(), targets[chunk])
        ctx.gradient = gradient
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        gradient, ctx.gradient = ctx.gradient, None  # scaled in place: there is no second backward pass
        if gradient is None:
            raise RuntimeError("chunked_cross_entropy supports one backward pass; compute the losses again.")
        return gradient.mul_(upstream[0][:, None].to(gradient.dtype)), None


def chunked_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each row, as `functional.cross_entropy(..., reduction="none")`, for a single backward pass.

    Args:
        logits: (words, vocabulary).
        targets: (words,), without ignored entries.

    Returns:
        (words,), float32.
    """
    needs_gradient = torch.is_grad_enabled() and logits.requires_grad
    if not needs_gradient or logits.device.type != "cpu":  # a GPU is faster with all rows at once
        return functional.cross_entropy(logits.float(), targets, reduction="none")
    return _ChunkedCrossEntropy.apply(logits, targets)  # type: ignore[return-value]
