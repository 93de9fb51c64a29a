"""Rows without padding: all of a batch in one line of tokens, and attention that sees each of them alone.

For any network of `transformers` that lets its attention be chosen. Everything but attention works token by token, so nothing
is computed for padding; attention gathers the line into a few blocks of segments of like length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

PACKED, PACKED_ENCODER = "packed_segments", "packed_segments_of_an_encoder"  # a decoder's masks are never asked for
MIN_BLOCK_FILL = 0.8  # of a block's longest segment that its shortest must have
MIN_ENCODER_BLOCK_FILL = 0.6  # likewise of an encoder, which in bf16 is a tenth quicker with fewer, larger blocks


def layout_of(lengths: np.ndarray, causal: bool = True) -> dict[str, Any]:
    """How a line of tokens becomes a few blocks of segments of like length, for attention alone.

    A causal mask keeps real tokens from seeing padding that comes after them, so such blocks need no other: it is what
    fused kernels are quickest at.

    Args:
        lengths: Tokens of each segment, in the order of the line, (segments,).
        causal: Whether tokens see those before them only; else blocks with padding have a mask.

    Returns:
        blocks: for each block the places in the line, (segments, longest), padding pointing anywhere; back: for each token
        its place in the blocks laid end to end, (tokens,); masks: for each block what may be seen, (segments, longest), or None.
    """
    starts = np.cumsum(lengths) - lengths
    back, blocks, masks, laid = np.zeros(int(lengths.sum()), dtype=np.int64), [], [], 0
    for group in _groups(lengths, MIN_BLOCK_FILL if causal else MIN_ENCODER_BLOCK_FILL):
        longest = int(lengths[group].max())
        inside = np.arange(longest)[None] < lengths[group][:, None]
        places = np.where(inside, starts[group][:, None] + np.arange(longest), 0)
        back[places[inside]] = laid + np.flatnonzero(inside)
        blocks.append(torch.as_tensor(places))
        masks.append(None if causal or inside.all() else torch.as_tensor(inside))
        laid += places.size
    return {"blocks": blocks, "back": torch.as_tensor(back), "masks": masks}


def _groups(lengths: np.ndarray, filled: float) -> list[np.ndarray]:
    """Segment numbers, longest first, cut where one is much shorter than the first of its group; in order where all are alike."""
    if (lengths == lengths[0]).all():
        return [np.arange(len(lengths))]
    order, found = np.argsort(-lengths, kind="stable"), []
    while len(order):
        count = int((lengths[order] >= filled * lengths[order[0]]).sum())
        found.append(order[:count])
        order = order[count:]
    return found


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
    """Attention inside each segment of a line of tokens, causal where the module is; without `layout` it is the usual one.

    Args:
        query: (1, heads, tokens, head width); key and value may have fewer heads.
        layout: As `layout_of` gives it.

    Returns:
        (1, tokens, heads, head width), and None for the weights.
    """
    if layout is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more)  # type: ignore[return-value]  # fmt: skip
    more = {"dropout_p": dropout, "scale": scaling, "enable_gqa": query.shape[1] != key.shape[1], "is_causal": getattr(module, "is_causal", True)}  # fmt: skip
    lines = [each[0].transpose(0, 1) for each in (query, key, value)]  # (tokens, heads, head width)
    blocks, back = layout["blocks"], layout["back"]
    if len(blocks) == 1 and blocks[0].numel() == len(back):
        out = attend_block([each.reshape(*blocks[0].shape, *each.shape[1:]) for each in lines], None, **more)
        return out.reshape(1, len(back), *out.shape[2:]), None
    lines = gather(lines, layout)
    done = [
        attend_block(parts, mask, **more).flatten(0, 1)
        for parts, mask in zip(split_blocks(lines, layout), layout["masks"], strict=True)
    ]
    return _Return.apply(torch.cat(done), back)[None], None  # type: ignore[index]


def gather(lines: list[torch.Tensor], layout: dict) -> list[torch.Tensor]:
    """Each line of (tokens, …) as its blocks laid end to end, padding included."""
    there = torch.cat([block.flatten() for block in layout["blocks"]])
    return [_Rearrange.apply(each, there, layout["back"]) for each in lines]  # type: ignore[misc]


def split_blocks(lines: list[torch.Tensor], layout: dict) -> list[list[torch.Tensor]]:
    """For each block its part of every gathered line, (segments, longest, …)."""
    sizes = [block.numel() for block in layout["blocks"]]
    parts = zip(*(each.split(sizes) for each in lines), strict=True)
    return [
        [each.reshape(*block.shape, *each.shape[1:]) for each in part]
        for block, part in zip(layout["blocks"], parts, strict=True)
    ]


def attend_block(parts: list[torch.Tensor], mask: torch.Tensor | None, **more: Any) -> torch.Tensor:
    """Query, key and value of one block, (segments, time, heads, head width) each; `mask`, (segments, time), is of the keys."""
    query, key, value = (part.transpose(1, 2) for part in parts)
    seen = None if mask is None else mask[:, None, None]
    plain = (
        query.dtype == torch.bfloat16
        and query.device.type == "cpu"
        and not (more.get("is_causal") or more.get("enable_gqa"))
    )
    compute = _plain if plain else functional.scaled_dot_product_attention
    return compute(query, key, value, attn_mask=seen, **more).transpose(1, 2)


def _plain(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attn_mask: torch.Tensor | None, dropout_p: float, scale: float | None, **_: Any,
) -> torch.Tensor:  # fmt: skip
    """The same as matrix products: in bf16 on a CPU the fused kernel's backward pass took 3 to 7 times as long (torch 2.13)."""
    logits = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if attn_mask is not None:
        logits = logits.masked_fill(~attn_mask, float("-inf"))
    chances = logits.softmax(-1, dtype=torch.float32).to(query.dtype)
    return functional.dropout(chances, dropout_p, training=dropout_p > 0) @ value


AttentionInterface.register(PACKED, attend)
AttentionInterface.register(PACKED_ENCODER, attend)
AttentionMaskInterface.register(PACKED_ENCODER, sdpa_mask)
