"""Attention probabilities of every head, and the positions that each head attends to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from plugins.bert_finetune.models.pooling import backbone
from training.errors import UserError


def attention(model: Any, text: str, most: int = 64) -> tuple[list[str], np.ndarray]:
    """Tokens and attention probabilities of the encoder, (layers, heads, time, time); rows attend to columns.

    Raises:
        UserError: If the text is empty.
    """
    if not text.strip():
        raise UserError("The text is empty: write a sentence.")
    network = backbone(model.model)
    found = model.tokenizer(text, truncation=True, max_length=min(most, model.max_length), return_tensors="pt")
    before = network.config._attn_implementation
    network.set_attn_implementation("eager")  # the fused kernels do not give their probabilities
    try:
        with torch.inference_mode():
            layers = network(**found.to(model.model.device), output_attentions=True).attentions
    finally:
        network.set_attn_implementation(before)
    return model.tokenizer.convert_ids_to_tokens(found["input_ids"][0]), torch.cat(layers).float().cpu().numpy()


def attention_by_target(tokenizer: Any, tokens: Sequence[str], values: np.ndarray) -> dict[str, np.ndarray]:
    """The share of each head's attention that goes to places of one kind (Clark et al., 2019, section 3).

    Args:
        values: Attention probabilities, (layers, heads, time, time).

    Returns:
        Kind of place -> (layers, heads), the mean over all tokens that look; a place can be of two kinds.
    """
    time = len(tokens)
    special = np.isin(tokens, tokenizer.all_special_tokens)
    same = np.asarray(tokens)[:, None] == np.asarray(tokens)
    kinds = {
        "the token before": np.eye(time, k=-1),
        "the token after": np.eye(time, k=1),
        "itself": np.eye(time),
        "special tokens": np.broadcast_to(special, (time, time)),
        "the same word elsewhere": same & ~np.eye(time, dtype=bool) & ~special,
    }
    return {kind: np.einsum("lhqk,qk->lh", values, places.astype(np.float32)) / time for kind, places in kinds.items()}
