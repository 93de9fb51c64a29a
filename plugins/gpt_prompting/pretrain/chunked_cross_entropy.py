"""Chunked linear cross entropy: output layer and loss in chunks of tokens, so that the logits of a batch never exist as
a whole.

The gradient is computed in the forward pass, from logits that are still in the processor's cache, as in Cut Your Losses
(Wijmans et al., 2025, arXiv:2411.09009) and Liger Kernel. This needs the gradient of the final loss for each token in
advance, up to one common factor: the losses may be summed or averaged, nothing else.
"""

from __future__ import annotations

from typing import Any

import torch

from training.nn.fake import has_values
from training.nn.fused_cross_entropy import losses_and_gradient

CHUNK_LOGITS = 2**21  # 8 MB in float32, about what a processor's cache holds
MIN_CHUNK_TOKENS = 128


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, table: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        size = max(MIN_CHUNK_TOKENS, CHUNK_LOGITS // len(table))
        losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        d_hidden = torch.empty_like(hidden)
        needs_table_grad = ctx.needs_input_grad[1]  # not with LoRA adapters
        d_table = torch.zeros(table.shape if needs_table_grad else (0,), dtype=torch.float32, device=table.device)
        for start in range(0, len(targets), size):
            chunk = slice(start, start + size)
            logits = torch.mm(hidden[chunk], table.t()).float()  # (chunk, vocabulary)
            losses[chunk], gradient = losses_and_gradient(logits, targets[chunk])
            d_logits = gradient.mul_(weights[chunk, None]).to(hidden.dtype)
            d_hidden[chunk] = torch.mm(d_logits, table.to(hidden.dtype))
            if needs_table_grad:
                _add_product(d_table, d_logits.t(), hidden[chunk])
        ctx.save_for_backward(d_hidden, d_table)
        ctx.table_dtype = table.dtype
        return losses * weights

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple:
        d_hidden, d_table = ctx.saved_tensors
        gradient = gradients[0]
        scale = gradient[0] if len(gradient) else gradient.new_zeros(())
        if has_values(gradient) and not bool((gradient == scale).all()):
            raise RuntimeError(
                "chunked_cross_entropy has one gradient for all tokens: pass their weights instead of scaling the "
                "losses."
            )
        return (
            d_hidden * scale.to(d_hidden.dtype),
            (d_table * scale).to(ctx.table_dtype) if len(d_table) else None,
            None,
            None,
        )


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Add left @ right to a sum in float32. Factors in bf16 are multiplied in it, as every other layer's are: in
    float32 this product alone was a tenth of a training step. Those in fp16 are not: small gradients would be lost."""
    if left.dtype == torch.bfloat16:
        total += torch.mm(left, right)
    else:
        total.addmm_(left.float(), right.float())


def chunked_cross_entropy(
    hidden: torch.Tensor, table: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Compute the weighted cross entropy of each token.

    Args:
        hidden: Last hidden states of the tokens that have a target, (labelled, width).
        table: Weight of the output layer, (vocabulary, width); it has no bias.
        targets: (labelled,).
        weights: Loss weights, (labelled,).

    Returns:
        (labelled,), float32. They may only be summed or averaged.

    Raises:
        RuntimeError: In the backward pass, if the gradient of the losses differs between tokens.
    """
    if torch.is_grad_enabled() and (hidden.requires_grad or table.requires_grad):
        return _ChunkedCrossEntropy.apply(hidden, table, targets, weights)  # type: ignore[return-value]
    size = max(MIN_CHUNK_TOKENS, CHUNK_LOGITS // len(table))
    losses = [
        torch.nn.functional.cross_entropy(torch.mm(chunk, table.t()).float(), target, reduction="none")
        for chunk, target in zip(hidden.split(size), targets.split(size), strict=True)
    ]
    return torch.cat(losses) * weights if losses else weights
