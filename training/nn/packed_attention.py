"""Packed batches: all segments in one row of tokens, with block-diagonal attention.

For any network of `transformers` whose attention implementation can be chosen (entered through `AttentionInterface` and
`AttentionMaskInterface`, transformers 5.23). Everything but attention works token by token, so a packed row computes
nothing for padding. Attention must not cross segments, and fused kernels want rectangular inputs; a mask over the whole
row would cost the square of all tokens. So attention gathers the row into a few blocks of segments of similar length,
each padded to its longest segment, runs a fused kernel per block, and scatters the results back:

    row      a a a b b c c c c        blocks   [a a a -]   and   [b b]
                                               [c c c c]
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

PACKED, PACKED_ENCODER = "packed_segments", "packed_segments_of_an_encoder"  # a decoder needs no masks
MIN_BLOCK_FILL = 0.8  # length of a block's shortest segment, as a share of its longest
MIN_ENCODER_BLOCK_FILL = 0.6  # the same for encoders, which are 10 % faster in bf16 with fewer, larger blocks


def layout_of(lengths: np.ndarray, causal: bool = True) -> dict[str, Any]:
    """Plan how a row of tokens is gathered into blocks of segments of similar length, for attention.

    Padding stands at the end of a segment, so a causal mask already hides it from real tokens: causal blocks need no
    other mask, and fused kernels are fastest with a causal one.

    Args:
        lengths: Tokens of each segment, in the order of the row, (segments,).
        causal: Whether tokens attend only to earlier ones; otherwise blocks with padding get a mask.

    Returns:
        blocks: per block the indices into the row, (segments, longest), 0 for padding; back: per token its index in the
        concatenated blocks, (tokens,); masks: per block which keys are real, (segments, longest), or None.
    """
    starts = np.cumsum(lengths) - lengths
    back, blocks, masks, offset = np.zeros(int(lengths.sum()), dtype=np.int64), [], [], 0
    for group in _groups(lengths, MIN_BLOCK_FILL if causal else MIN_ENCODER_BLOCK_FILL):
        longest = int(lengths[group].max())
        inside = np.arange(longest)[None] < lengths[group][:, None]
        indices = np.where(inside, starts[group][:, None] + np.arange(longest), 0)
        back[indices[inside]] = offset + np.flatnonzero(inside)
        blocks.append(torch.as_tensor(indices))
        masks.append(None if causal or inside.all() else torch.as_tensor(inside))
        offset += indices.size
    return {"blocks": blocks, "back": torch.as_tensor(back), "masks": masks}


def _groups(lengths: np.ndarray, filled: float) -> list[np.ndarray]:
    """Group segments by length, longest first: a group ends where one is shorter than `filled` times its first."""
    if (lengths == lengths[0]).all():
        return [np.arange(len(lengths))]
    order, groups = np.argsort(-lengths, kind="stable"), []
    while len(order):
        count = int((lengths[order] >= filled * lengths[order[0]]).sum())
        groups.append(order[:count])
        order = order[count:]
    return groups


class _Rearrange(torch.autograd.Function):
    """Gather rows by `there`.

    Each row has at most one copy, so the gradient is a gather by `back`, faster than a scatter-add.
    """

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, there: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        ctx.back = back
        return rows.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple:
        return gradients[0].index_select(0, ctx.back), None, None


class _ScatterBack(torch.autograd.Function):
    """Gather the blocks' rows back into the row of tokens; the gradient of padding is zero."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        ctx.back, ctx.count = back, len(rows)
        return rows.index_select(0, back)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple:
        spread = gradients[0].new_zeros(ctx.count, *gradients[0].shape[1:])
        return spread.index_copy_(0, ctx.back, gradients[0]), None


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    layout: dict | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within each segment of a row of tokens, causal if the module is; without `layout` plain SDPA.

    Args:
        query: (1, heads, tokens, head width); key and value may have fewer heads.
        layout: As `layout_of` gives it.

    Returns:
        (1, tokens, heads, head width), and None for the weights.
    """
    if layout is None:
        options = {"dropout": dropout, "scaling": scaling, **more}
        outputs: Any = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return outputs
    grouped, causal = query.shape[1] != key.shape[1], getattr(module, "is_causal", True)
    more = {"dropout_p": dropout, "scale": scaling, "enable_gqa": grouped, "is_causal": causal}
    packed = [tensor[0].transpose(0, 1) for tensor in (query, key, value)]  # (tokens, heads, head width)
    blocks, back = layout["blocks"], layout["back"]
    if len(blocks) == 1 and blocks[0].numel() == len(back):
        out = attend_block([tensor.reshape(*blocks[0].shape, *tensor.shape[1:]) for tensor in packed], None, **more)
        return out.reshape(1, len(back), *out.shape[2:]), None
    gathered = gather(packed, layout)
    outputs = [
        attend_block(block, mask, **more).flatten(0, 1)
        for block, mask in zip(split_blocks(gathered, layout), layout["masks"], strict=True)
    ]
    return _ScatterBack.apply(torch.cat(outputs), back)[None], None  # type: ignore[index]


def gather(packed: list[torch.Tensor], layout: dict) -> list[torch.Tensor]:
    """Gather tensors of (tokens, …) into their concatenated blocks, padding included."""
    there = torch.cat([block.flatten() for block in layout["blocks"]])
    return [_Rearrange.apply(tensor, there, layout["back"]) for tensor in packed]  # type: ignore[misc]


def split_blocks(gathered: list[torch.Tensor], layout: dict) -> list[list[torch.Tensor]]:
    """Return per block its part of every gathered tensor, (segments, longest, …)."""
    sizes = [block.numel() for block in layout["blocks"]]
    parts = zip(*(tensor.split(sizes) for tensor in gathered), strict=True)
    return [
        [tensor.reshape(*block.shape, *tensor.shape[1:]) for tensor in part]
        for block, part in zip(layout["blocks"], parts, strict=True)
    ]


def attend_block(parts: list[torch.Tensor], mask: torch.Tensor | None, **more: Any) -> torch.Tensor:
    """Attend within one block: query, key and value (segments, time, heads, head width).

    `mask` of the keys (segments, time).
    """
    query, key, value = (part.transpose(1, 2) for part in parts)
    key_mask = None if mask is None else mask[:, None, None]
    plain = (
        query.dtype == torch.bfloat16
        and query.device.type == "cpu"
        and not (more.get("is_causal") or more.get("enable_gqa"))
    )
    compute = _matmul_attention if plain else functional.scaled_dot_product_attention
    return compute(query, key, value, attn_mask=key_mask, **more).transpose(1, 2)


def _matmul_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None,
    dropout_p: float,
    scale: float | None,
    **_: Any,
) -> torch.Tensor:
    """Attention by matrix products.

    The fused kernel's bf16 backward pass on a CPU took 3 to 7 times as long (torch 2.13).
    """
    logits = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if attn_mask is not None:
        logits = logits.masked_fill(~attn_mask, float("-inf"))
    probabilities = logits.softmax(-1, dtype=torch.float32).to(query.dtype)
    return functional.dropout(probabilities, dropout_p, training=dropout_p > 0) @ value


AttentionInterface.register(PACKED, attend)
AttentionInterface.register(PACKED_ENCODER, attend)
AttentionMaskInterface.register(PACKED_ENCODER, sdpa_mask)
