"""The captions of the training pictures as what the network reads: token ids, or a frozen encoder's hidden states, kept."""

from __future__ import annotations

from typing import Any

import torch

from plugins.diffusion_cfg.models.text_encoder import token_ids

TOGETHER = 64


class Captions:
    """Each different caption once; the empty one is first.

    Args:
        frozen: A text encoder that is not trained: its hidden states are computed here, once. None: token ids are kept.
    """

    def __init__(self, captions: list[str], tokenizer: Any, frozen: Any = None, device: str = "cpu"):
        self.places = {text: place for place, text in enumerate(dict.fromkeys(["", *captions]))}
        ids = token_ids(tokenizer, list(self.places))
        self.values = ids if frozen is None else _hidden(ids, frozen, device)

    def __call__(self, captions: list[str]) -> torch.Tensor:
        """Ids (captions, time) or hidden states (captions, time, width)."""
        return self.values[[self.places[text] for text in captions]]


def _hidden(ids: torch.Tensor, encoder: Any, device: str) -> torch.Tensor:
    encoder = encoder.to(device)
    with torch.inference_mode():
        found = [encoder(ids[start : start + TOGETHER].to(device))[0].cpu() for start in range(0, len(ids), TOGETHER)]
    return torch.cat(found).clone()
