"""Compute the last layer at [CLS] only: a classifier reads no other token of it.

Enters internals of transformers 5: `BertLayer` and its attention functions.
"""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import (
    BertForSequenceClassification,
    BertLayer,
    eager_attention_forward,
)

from plugins.bert_finetune.models.mean_pooling import use_mean_pooling
from training.nn.packed_attention import attend_block, gather, split_blocks


class ClsOnlyLayer(BertLayer):
    """A `BertLayer` that computes queries and feed-forward for the first token only; keys and values for all tokens.

    Of the 12 hidden² multiplications per token, 2 are left (keys and values); the output is the same.
    """

    def forward(  # type: ignore[override] - an encoder has no cache and no other sequence
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **kwargs: Any
    ) -> torch.Tensor:
        """(batch, time, hidden) -> (batch, 1, hidden); of a packed batch (1, tokens, hidden) -> (rows, 1, hidden)."""
        if (layout := kwargs.get("layout")) is not None:
            return self._of_packed(hidden_states[0], layout)
        attention, first = self.attention.self, hidden_states[:, :1]
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(attention.config._attn_implementation, eager_attention_forward)
        context, _ = attend(
            attention,
            self._heads(attention.query(first)).transpose(1, 2),
            self._heads(attention.key(hidden_states)).transpose(1, 2),
            self._heads(attention.value(hidden_states)).transpose(1, 2),
            attention_mask if attention_mask is None else attention_mask[:, :, :1],
            dropout=attention.dropout.p if self.training else 0.0,
            scaling=attention.scaling,
        )
        return self.feed_forward_chunk(self.attention.output(context.flatten(2), first))

    def _of_packed(self, hidden: torch.Tensor, layout: dict) -> torch.Tensor:
        """(tokens, hidden) -> (rows, 1, hidden), with the layout of `packed_attention.layout_of`."""
        attention = self.attention.self
        firsts = torch.cat([block[:, 0] for block in layout["blocks"]])  # positions of the first tokens, by block
        first = hidden[firsts][:, None]
        queries = self._heads(attention.query(first)).split([len(block) for block in layout["blocks"]])
        gathered = gather([self._heads(attention.key(hidden)), self._heads(attention.value(hidden))], layout)
        dropout = attention.dropout.p if self.training else 0.0
        contexts = [
            attend_block([query, *keys_values], mask, dropout_p=dropout, scale=attention.scaling)
            for query, keys_values, mask in zip(queries, split_blocks(gathered, layout), layout["masks"], strict=True)
        ]
        output = self.feed_forward_chunk(self.attention.output(torch.cat(contexts).flatten(2), first))
        return output[firsts.argsort()]  # back to the order of the rows

    def _heads(self, values: torch.Tensor) -> torch.Tensor:
        """(…, hidden) -> (…, heads, size)."""
        return values.unflatten(-1, (-1, self.attention.self.attention_head_size))


def use_cls_only_layer(model: Any) -> None:
    """Let a BERT classifier's last layer compute its first token only; other architectures are left unchanged.

    Swaps the class of the layer (`__class__`); weights, names and copies stay as they are. A layer of mean pooling
    gives one vector per text already.
    """
    if use_mean_pooling(model):
        return
    if isinstance(model, BertForSequenceClassification) and not model.config.is_decoder:
        model.bert.encoder.layer[-1].__class__ = ClsOnlyLayer


def cls_only_copy(model: Any) -> Any:
    """Return a second network that shares all weights, and whose last layer computes its first token only.

    The model itself still computes every token's vector and every layer's attention, for inspection.
    """
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    copied = copy.deepcopy(model, shared)
    use_cls_only_layer(copied)
    return copied
