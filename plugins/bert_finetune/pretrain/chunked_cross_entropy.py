"""Cross entropy over a vocabulary, its gradient computed with it: the logits are read once, a few rows at a time.

torch keeps a table of log probabilities as large as the logits, in 32 bits, and makes another one on the way back; with a vocabulary
of 30,000 that was a seventh of a step in bf16.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from training.nn.fused_cross_entropy import losses_and_gradient

NUMBERS_AT_ONCE = 2**19  # logits in work: 2 MB in 32 bits, which a processor's cache holds


class _WordLosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        losses = torch.empty(len(targets), dtype=torch.float32, device=logits.device)
        gradient = torch.empty_like(logits)
        size = max(1, NUMBERS_AT_ONCE // logits.shape[1])
        for start in range(0, len(targets), size):
            some = slice(start, start + size)
            losses[some], gradient[some] = losses_and_gradient(logits[some].float(), targets[some])
        ctx.gradient = gradient
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        gradient, ctx.gradient = ctx.gradient, None  # scaled where it lies: there is no second backward pass
        if gradient is None:
            raise RuntimeError("word_losses gives its gradient once; compute the losses anew.")
        return gradient.mul_(upstream[0][:, None].to(gradient.dtype)), None


def word_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each row, as `functional.cross_entropy(..., reduction="none")`, for one backward pass.

    Args:
        logits: (words, vocabulary).
        targets: (words,), none to be ignored.

    Returns:
        (words,), float32.
    """
    if not (
        torch.is_grad_enabled() and logits.requires_grad and logits.device.type == "cpu"
    ):  # a GPU wants all rows at once
        return functional.cross_entropy(logits.float(), targets, reduction="none")
    return _WordLosses.apply(logits, targets)  # type: ignore[return-value]
