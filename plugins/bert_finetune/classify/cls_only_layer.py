"""A classifier reads the last layer at its first token only: compute no more of that layer than that."""

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

from training.nn.packed_attention import attend_block, gather, split_blocks


class FirstTokenLayer(BertLayer):
    """A `BertLayer` whose queries and feed-forward part see the first token alone; keys and values see all.

    Of a layer's work, 2 of 12 parts are left (keys and values of 12 hidden² products a token), the output is the same.
    """

    def forward(  # type: ignore[override] - an encoder has no cache and no other sequence
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **kwargs: Any
    ) -> torch.Tensor:
        """(batch, time, hidden) -> (batch, 1, hidden); of a packed batch (1, tokens, hidden) -> (rows, 1, hidden)."""
        if (layout := kwargs.get("layout")) is not None:
            return self._of_packed(hidden_states[0], layout)
        attention, first = self.attention.self, hidden_states[:, :1]
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(attention.config._attn_implementation, eager_attention_forward)
        found, _ = attend(
            attention,
            self._heads(attention.query(first)).transpose(1, 2),
            self._heads(attention.key(hidden_states)).transpose(1, 2),
            self._heads(attention.value(hidden_states)).transpose(1, 2),
            attention_mask if attention_mask is None else attention_mask[:, :, :1],
            dropout=attention.dropout.p if self.training else 0.0,
            scaling=attention.scaling,
        )
        return self.feed_forward_chunk(self.attention.output(found.flatten(2), first))

    def _of_packed(self, hidden: torch.Tensor, layout: dict) -> torch.Tensor:
        """(tokens, hidden) -> (rows, 1, hidden), with the layout of `packed_attention.layout_of`."""
        attention = self.attention.self
        places = torch.cat([block[:, 0] for block in layout["blocks"]])  # of first tokens, in the order of the blocks
        first = hidden[places][:, None]
        queries = self._heads(attention.query(first)).split([len(block) for block in layout["blocks"]])
        lines = gather([self._heads(attention.key(hidden)), self._heads(attention.value(hidden))], layout)
        dropout = attention.dropout.p if self.training else 0.0
        found = [
            attend_block([asking, *parts], mask, dropout_p=dropout, scale=attention.scaling)
            for asking, parts, mask in zip(queries, split_blocks(lines, layout), layout["masks"], strict=True)
        ]
        done = self.feed_forward_chunk(self.attention.output(torch.cat(found).flatten(2), first))
        return done[places.argsort()]

    def _heads(self, values: torch.Tensor) -> torch.Tensor:
        """(…, hidden) -> (…, heads, size)."""
        return values.unflatten(-1, (-1, self.attention.self.attention_head_size))


def read_first_token_only(model: Any) -> None:
    """Let a BERT classifier's last layer compute its first token only; other architectures stay as they are.

    The class of the layer changes and nothing else: weights, names and copies are as before.
    """
    if isinstance(model, BertForSequenceClassification) and not model.config.is_decoder:
        model.bert.encoder.layer[-1].__class__ = FirstTokenLayer


def first_token_twin(model: Any) -> Any:
    """A second network over the very same weights whose last layer computes its first token only.

    The model itself still has every token's vector and every layer's attention, for whoever looks inside.
    """
    shared = {id(each): each for each in chain(model.parameters(), model.buffers())}
    twin = copy.deepcopy(model, shared)
    read_first_token_only(twin)
    return twin
