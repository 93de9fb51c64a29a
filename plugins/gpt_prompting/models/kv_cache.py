"""Incremental decoding with a key-value cache: one token per forward pass.

A small network on a CPU spends most of its time in the calls between operations. GPT-2, which this plugin trains and
ships, therefore has a step of its own (`Gpt2Decoder`): the same operations on the same weights, with a cache that is
allocated once. It enters the internals of transformers' GPT2LMHeadModel (tested with transformers 5.23); any other
class is run by `TransformersDecoder`.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch.nn import GELU, functional
from transformers import GPT2LMHeadModel


class IncrementalDecoder(Protocol):
    """Next-token logits of sequences that grow side by side, float32, (rows, vocabulary)."""

    def prefill(self, ids: torch.Tensor) -> torch.Tensor:
        """Read the prompt that all rows begin with, (1, time)."""
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token per row, (rows, 1)."""
        ...


def incremental_decoder(model: Any, rows: int, max_tokens: int) -> IncrementalDecoder:
    """Choose the decoder for a network.

    Args:
        rows: Sequences that grow side by side.
        max_tokens: Length that each may reach, prompt included.
    """
    return Gpt2Decoder(model, rows, max_tokens) if is_standard_gpt2(model) else TransformersDecoder(model, rows)


class TransformersDecoder:
    """Any network of transformers with the cache that it creates itself; without one, the whole sequence is read at
    each step."""

    def __init__(self, model: Any, rows: int):
        self.model, self.rows, self.cache = model, rows, None
        self.sequence = torch.empty(0)

    def prefill(self, ids: torch.Tensor) -> torch.Tensor:
        output = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        self.cache = getattr(output, "past_key_values", None)
        self.sequence = ids.repeat(self.rows, 1)
        if self.rows > 1 and self.cache is not None:
            self.cache.batch_repeat_interleave(self.rows)
        return output.logits[:, -1].float().repeat(self.rows, 1)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        if self.cache is None:
            self.sequence = torch.cat([self.sequence, tokens], 1)
            return self.model(input_ids=self.sequence, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        output = self.model(input_ids=tokens, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.cache = output.past_key_values
        return output.logits[:, -1].float()


def is_standard_gpt2(model: Any) -> bool:
    """Check that `Gpt2Decoder` computes what this network computes."""
    if type(model) is not GPT2LMHeadModel:
        return False
    config: Any = model.config
    layers: Any = model.transformer.h
    is_variant = config.scale_attn_by_inverse_layer_idx or config.reorder_and_upcast_attn or config.add_cross_attention
    return (
        not is_variant
        and config.scale_attn_weights
        and model.dtype == torch.float32
        and all(isinstance(layer.mlp.act, GELU) and layer.mlp.act.approximate == "tanh" for layer in layers)
        and all(type(linear).__name__ == "Conv1D" for layer in layers for linear in (layer.attn.c_attn, layer.mlp.c_fc))
    )


class Gpt2Decoder:
    """GPT-2 (Radford et al., 2019): pre-norm blocks, learned positions, an output layer without a bias."""

    def __init__(self, model: Any, rows: int, max_tokens: int):
        self.model, self.rows, self.body = model, rows, model.transformer
        self.heads, self.width = model.config.n_head, model.config.n_embd
        shape = (rows, self.heads, max_tokens, self.width // self.heads)
        kind = {"device": model.device, "dtype": model.dtype}
        self.cache = [(torch.empty(shape, **kind), torch.empty(shape, **kind)) for _ in self.body.h]
        self.time = 0

    def prefill(self, ids: torch.Tensor) -> torch.Tensor:
        output = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        self.time = ids.shape[1]
        for (keys, values), layer in zip(self.cache, output.past_key_values.layers, strict=True):
            keys[:, :, : self.time], values[:, :, : self.time] = layer.keys, layer.values
        return output.logits[:, -1].float().repeat(self.rows, 1)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.body.wte.weight[tokens[:, 0]] + self.body.wpe.weight[self.time]  # (rows, width)
        for block, (keys, values) in zip(self.body.h, self.cache, strict=True):
            attention, mlp = block.attn, block.mlp
            context = self._attend(attention, _norm(block.ln_1, hidden), keys, values)
            hidden = hidden + _affine(attention.c_proj, context)
            wide = functional.gelu(_affine(mlp.c_fc, _norm(block.ln_2, hidden)), approximate="tanh")
            hidden = hidden + _affine(mlp.c_proj, wide)
        self.time += 1
        return functional.linear(_norm(self.body.ln_f, hidden), self.model.lm_head.weight)

    def _attend(self, attention: Any, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        qkv = _affine(attention.c_attn, hidden).view(
            self.rows, 3, self.heads, 1, -1
        )  # (rows, q k v, heads, 1, head width)
        keys[:, :, self.time], values[:, :, self.time] = qkv[:, 1, :, 0], qkv[:, 2, :, 0]
        length = self.time + 1
        context = functional.scaled_dot_product_attention(qkv[:, 0], keys[:, :, :length], values[:, :, :length])
        return context.reshape(self.rows, self.width)


def _affine(layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    return torch.addmm(layer.bias, hidden, layer.weight)


def _norm(layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(hidden, layer.normalized_shape, layer.weight, layer.bias, layer.eps)
