"""Encodings of the training captions: token ids, or the precomputed hidden states of a frozen text encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from plugins.diffusion_cfg.models.text_encoder import token_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH = 64


class CaptionEncodings:
    """Encodings of all distinct captions; the empty caption is first.

    Args:
        frozen: A text encoder that is not trained: its hidden states are computed here, once. None: keep token ids.
    """

    def __init__(
        self, captions: list[str], tokenizer: PreTrainedTokenizerBase, frozen: Any = None, device: str = "cpu"
    ):
        self.index = {text: index for index, text in enumerate(dict.fromkeys(["", *captions]))}
        ids = token_ids(tokenizer, list(self.index))
        self.encodings = ids if frozen is None else _hidden_states(ids, frozen, device)

    def __call__(self, captions: list[str]) -> torch.Tensor:
        """Token ids, (captions, time), or hidden states, (captions, time, width)."""
        return self.encodings[[self.index[text] for text in captions]]


def without_some_words(caption: str, probability: float, rng: np.random.Generator) -> str:
    """Leave out each word with a probability; the caption stays whole where none would be left."""
    words = caption.split()
    return " ".join([word for word in words if rng.random() >= probability] or words)


def _hidden_states(ids: torch.Tensor, encoder: Any, device: str) -> torch.Tensor:
    encoder = encoder.to(device)
    with torch.inference_mode():
        states = [encoder(batch.to(device))[0].cpu() for batch in ids.split(BATCH)]
    return torch.cat(states).clone()
