"""One forward pass after another over a growing text.

Most of the time of a small network on a CPU goes into the calls between its operations, so GPT-2, which the plugin trains and
ships, has a step of its own: the same operations on the same weights, with a cache that is laid out once.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch.nn import functional


class IncrementalDecoder(Protocol):
    """Logits of the next token, (rows, vocabulary), in 32-bit numbers."""

    def begin(self, ids: torch.Tensor) -> torch.Tensor:
        """Of a prompt, (1, time), that all rows begin with."""
        ...

    def go_on(self, column: torch.Tensor) -> torch.Tensor:
        """Of one more token a row, (rows, 1)."""
        ...


def incremental_decoder(model: Any, rows: int, most: int) -> IncrementalDecoder:
    """What steps through this network.

    Args:
        rows: Texts that grow side by side.
        most: Tokens that each may grow to.
    """
    return Gpt2Decoder(model, rows, most) if is_standard_gpt2(model) else TransformersDecoder(model, rows)


class TransformersDecoder:
    """Any network of transformers, with the cache it makes itself; one that makes none reads the whole text at each step."""

    def __init__(self, model: Any, rows: int):
        self.model, self.rows, self.past = model, rows, None
        self.seen = torch.empty(0)

    def begin(self, ids: torch.Tensor) -> torch.Tensor:
        found = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        self.past = getattr(found, "past_key_values", None)
        self.seen = ids.repeat(self.rows, 1)
        if self.rows > 1 and self.past is not None:
            self.past.batch_repeat_interleave(self.rows)
        return found.logits[:, -1].float().repeat(self.rows, 1)

    def go_on(self, column: torch.Tensor) -> torch.Tensor:
        if self.past is None:
            self.seen = torch.cat([self.seen, column], 1)
            return self.model(input_ids=self.seen, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        found = self.model(input_ids=column, past_key_values=self.past, use_cache=True, logits_to_keep=1)
        self.past = found.past_key_values
        return found.logits[:, -1].float()


def is_standard_gpt2(model: Any) -> bool:
    """Whether `Gpt2Stepper` computes what this network does."""
    from torch.nn import GELU
    from transformers import GPT2LMHeadModel

    if type(model) is not GPT2LMHeadModel:
        return False
    config: Any = model.config
    layers: Any = model.transformer.h
    unusual = config.scale_attn_by_inverse_layer_idx or config.reorder_and_upcast_attn or config.add_cross_attention
    return (
        not unusual
        and config.scale_attn_weights
        and model.dtype == torch.float32
        and all(isinstance(layer.mlp.act, GELU) and layer.mlp.act.approximate == "tanh" for layer in layers)
        and all(type(part).__name__ == "Conv1D" for layer in layers for part in (layer.attn.c_attn, layer.mlp.c_fc))
    )


class Gpt2Decoder:
    """GPT-2 (Radford et al., 2019): pre-norm blocks, learned positions, the output layer without a bias."""

    def __init__(self, model: Any, rows: int, most: int):
        self.model, self.rows, self.body = model, rows, model.transformer
        self.heads, self.width = model.config.n_head, model.config.n_embd
        size = (rows, self.heads, most, self.width // self.heads)
        make = {"device": model.device, "dtype": model.dtype}
        self.cache = [(torch.empty(size, **make), torch.empty(size, **make)) for _ in self.body.h]
        self.time = 0

    def begin(self, ids: torch.Tensor) -> torch.Tensor:
        found = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        self.time = ids.shape[1]
        for (keys, values), layer in zip(self.cache, found.past_key_values.layers, strict=True):
            keys[:, :, : self.time], values[:, :, : self.time] = layer.keys, layer.values
        return found.logits[:, -1].float().repeat(self.rows, 1)

    def go_on(self, column: torch.Tensor) -> torch.Tensor:
        hidden = self.body.wte.weight[column[:, 0]] + self.body.wpe.weight[self.time]  # (rows, width)
        for block, (keys, values) in zip(self.body.h, self.cache, strict=True):
            attention, inner = block.attn, block.mlp
            hidden = hidden + _affine(
                attention.c_proj, self._attend(attention, _norm(block.ln_1, hidden), keys, values)
            )
            wide = functional.gelu(_affine(inner.c_fc, _norm(block.ln_2, hidden)), approximate="tanh")
            hidden = hidden + _affine(inner.c_proj, wide)
        self.time += 1
        return functional.linear(_norm(self.body.ln_f, hidden), self.model.lm_head.weight)

    def _attend(self, attention: Any, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        parts = _affine(attention.c_attn, hidden).view(self.rows, 3, self.heads, 1, -1)  # (rows, q k v, heads, 1, size)
        keys[:, :, self.time], values[:, :, self.time] = parts[:, 1, :, 0], parts[:, 2, :, 0]
        past = self.time + 1
        found = functional.scaled_dot_product_attention(parts[:, 0], keys[:, :, :past], values[:, :, :past])
        return found.reshape(self.rows, self.width)


def _affine(layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    return torch.addmm(layer.bias, hidden, layer.weight)


def _norm(layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(hidden, layer.normalized_shape, layer.weight, layer.bias, layer.eps)
