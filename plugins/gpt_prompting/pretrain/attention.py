"""Attention over packed segments for any network of `transformers` that lets its attention be chosen."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

PACKED = "packed_segments"


class _Rearrange(torch.autograd.Function):
    """Rows picked by `there`; the gradient picks by `back`, which is quicker than adding up: each row goes to one place at most."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, there: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        ctx.back = back
        return rows.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple:
        return gradients[0].index_select(0, ctx.back), None, None


class _Return(torch.autograd.Function):
    """The other way: the gradient of padding is zero."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        ctx.back, ctx.count = back, len(rows)
        return rows.index_select(0, back)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple:
        spread = gradients[0].new_zeros(ctx.count, *gradients[0].shape[1:])
        return spread.index_copy_(0, ctx.back, gradients[0]), None


def attend(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: Any, dropout: float = 0.0,
    scaling: float | None = None, layout: dict | None = None, **more: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """Causal attention inside each segment of a line of tokens; without `layout` it is the usual one.

    Args:
        query: (1, heads, tokens, head width); key and value may have fewer heads.
        layout: As `packing.layout_of` gives it.

    Returns:
        (1, tokens, heads, head width), and None for the weights.
    """
    if layout is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more)  # type: ignore[return-value]  # fmt: skip
    grouped = query.shape[1] != key.shape[1]
    lines = [each[0].transpose(0, 1) for each in (query, key, value)]  # (tokens, heads, head width)
    blocks, back = layout["blocks"], layout["back"]
    if len(blocks) == 1 and blocks[0].numel() == len(back):
        shape = blocks[0].shape
        out = _causal([each.reshape(*shape, *each.shape[1:]) for each in lines], dropout, scaling, grouped)
        return out.reshape(1, len(back), *out.shape[2:]), None
    there = torch.cat([block.flatten() for block in blocks])
    lines = [_Rearrange.apply(each, there, back) for each in lines]
    done, laid = [], 0
    for block in blocks:
        parts = [each[laid : laid + block.numel()].reshape(*block.shape, *each.shape[1:]) for each in lines]
        done.append(_causal(parts, dropout, scaling, grouped).flatten(0, 1))
        laid += block.numel()
    return _Return.apply(torch.cat(done), back)[None], None  # type: ignore[index]


def _causal(parts: list[torch.Tensor], dropout: float, scaling: float | None, grouped: bool) -> torch.Tensor:
    """Of (segments, time, heads, head width), each."""
    query, key, value = (part.transpose(1, 2) for part in parts)
    out = functional.scaled_dot_product_attention(
        query, key, value, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=grouped
    )
    return out.transpose(1, 2)


AttentionInterface.register(PACKED, attend)
