"""Cross entropy of a large vocabulary without its table of logits: computed and forgotten a few hundred tokens at a time."""

from __future__ import annotations

from typing import Any

import torch

from training.nn.fused_cross_entropy import losses_and_gradient

CHUNK_LOGITS = 2**21  # logits in work: 8 MB, which a processor's cache holds about


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient is computed with the loss, from logits that are still in the cache (as Wijmans et al., 2025, and Liger do)."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, table: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:  # fmt: skip
        size = max(128, CHUNK_LOGITS // len(table))
        losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        d_hidden = torch.empty_like(hidden)
        trained = ctx.needs_input_grad[1]  # not with adapters
        d_table = torch.zeros(table.shape if trained else (0,), dtype=torch.float32, device=table.device)
        for start in range(0, len(targets), size):
            some = slice(start, start + size)
            logits = torch.mm(hidden[some], table.t()).float()  # (some, vocabulary)
            losses[some], gradient = losses_and_gradient(logits, targets[some])
            d_logits = gradient.mul_(weights[some, None]).to(hidden.dtype)
            d_hidden[some] = torch.mm(d_logits, table.to(hidden.dtype))
            if trained:
                d_table.addmm_(d_logits.t().float(), hidden[some].float())
        ctx.save_for_backward(d_hidden, d_table)
        ctx.kind = table.dtype
        return losses * weights

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple:
        d_hidden, d_table = ctx.saved_tensors
        gradient = gradients[0]
        scale = gradient[0] if len(gradient) else gradient.new_zeros(())
        if not bool((gradient == scale).all()):
            raise RuntimeError("head_loss has one gradient for all tokens: give it their weights instead.")
        return d_hidden * scale.to(d_hidden.dtype), (d_table * scale).to(ctx.kind) if len(d_table) else None, None, None


def chunked_cross_entropy(
    hidden: torch.Tensor, table: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Weighted cross entropy of each token.

    Args:
        hidden: Last hidden states of the tokens that have a label, (labelled, width).
        table: The output layer, (vocabulary, width); it has no bias.
        targets: (labelled,).
        weights: (labelled,). The losses may only be summed or averaged: a gradient that differs by token is refused.

    Returns:
        (labelled,), float32.
    """
    if torch.is_grad_enabled() and (hidden.requires_grad or table.requires_grad):
        return _ChunkedCrossEntropy.apply(hidden, table, targets, weights)  # type: ignore[return-value]
    size = max(128, CHUNK_LOGITS // len(table))
    losses = [
        torch.nn.functional.cross_entropy(torch.mm(some, table.t()).float(), goal, reduction="none")
        for some, goal in zip(hidden.split(size), targets.split(size), strict=True)
    ]
    return torch.cat(losses) * weights if losses else weights
