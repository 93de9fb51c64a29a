"""Compute the last feed-forward block at the first sub-word of each word only: a tagger reads no other token.

Enters internals of transformers 5: `BertLayer`.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.models.bert.modeling_bert import BertForTokenClassification, BertLayer


class FirstSubwordLayer(BertLayer):
    """A `BertLayer` that, given `positions`, computes everything after attention for these only.

    Of the layer's 12 hidden² multiplications per token, 9 are skipped where no tag is read; the output is the same.
    """

    def forward(  # type: ignore[override] - an encoder has no cache and no other sequence
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        *_: Any,
        positions: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """(batch, time, hidden) -> the same; with positions in the flattened batch, (words,), (1, words, hidden)."""
        if positions is None:
            return super().forward(hidden_states, attention_mask, **kwargs)
        context, _ = self.attention.self(hidden_states, attention_mask, **kwargs)
        selected = [tensor.flatten(0, 1).index_select(0, positions)[None] for tensor in (context, hidden_states)]
        return self.feed_forward_chunk(self.attention.output(*selected))


def use_first_subword_layer(model: Any) -> bool:
    """Let a BERT tagger's last layer take `positions`; returns False for other architectures, which are left unchanged.

    Swaps the class of the layer (`__class__`); weights, names and copies stay as they are.
    """
    if not isinstance(model, BertForTokenClassification) or model.config.is_decoder:
        return False
    model.bert.encoder.layer[-1].__class__ = FirstSubwordLayer
    return True


def word_logits(model: Any, inputs: dict[str, Any], positions: torch.Tensor, selects: bool) -> torch.Tensor:
    """Logits of the words at `positions` of the flattened batch, (words, tags), float32.

    Args:
        selects: Whether the network takes `positions` (the result of `use_first_subword_layer`).
    """
    more = {"positions": positions} if selects else {}
    return gather_words(model(**inputs, **more).logits, positions, selects).float()


def gather_words(values: torch.Tensor, positions: torch.Tensor, selects: bool) -> torch.Tensor:
    """Select the words of (batch, time, …) -> (words, …); with `selects`, values are (1, words, …) already."""
    flat = values.flatten(0, 1)
    return flat if selects else flat[positions]
