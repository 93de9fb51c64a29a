"""A tagger reads the last layer at the words' first pieces only: compute its feed-forward part at no others."""

from __future__ import annotations

from typing import Any

import torch
from transformers.models.bert.modeling_bert import BertForTokenClassification, BertLayer


class FirstPiecesLayer(BertLayer):
    """A `BertLayer` that, told the `positions` to be read, computes what comes after attention for these alone.

    Of a layer's 12 hidden² products a token 9 are left out where no tag is read; the output is the same.
    """

    def forward(  # type: ignore[override] - an encoder has no cache and no other sequence
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, positions: torch.Tensor | None = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """(batch, time, hidden) -> the same, or with positions in the flattened batch, (words,), -> (1, words, hidden)."""
        if positions is None:
            return super().forward(hidden_states, attention_mask, **kwargs)
        found, _ = self.attention.self(hidden_states, attention_mask, **kwargs)
        read = [each.flatten(0, 1).index_select(0, positions)[None] for each in (found, hidden_states)]
        return self.feed_forward_chunk(self.attention.output(*read))


def reads_first_pieces(model: Any) -> bool:
    """Let a BERT tagger's last layer take the positions to be read; whether it does. Other architectures stay as they are.

    The class of the layer changes and nothing else: weights, names and copies are as before.
    """
    if not isinstance(model, BertForTokenClassification) or model.config.is_decoder:
        return False
    model.bert.encoder.layer[-1].__class__ = FirstPiecesLayer
    return True


def word_logits(model: Any, inputs: dict[str, Any], positions: torch.Tensor, reads_pieces: bool) -> torch.Tensor:
    """What a tagger says of the words at `positions` of its flattened batch, (words, tags), float32.

    Args:
        reads_pieces: What `reads_first_pieces` said of it.
    """
    more = {"positions": positions} if reads_pieces else {}
    return at_words(model(**inputs, **more).logits, positions, reads_pieces).float()


def at_words(values: torch.Tensor, positions: torch.Tensor, reads_pieces: bool) -> torch.Tensor:
    """Of (batch, time, …) what stands at the words, (words, …); of (1, words, …), where nothing else was read, all."""
    line = values.flatten(0, 1)
    return line if reads_pieces else line[positions]
