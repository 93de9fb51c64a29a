"""Attention probabilities of every head, and the positions that each head attends to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models.pooling import backbone
from training.errors import UserError

MAX_TOKENS = 64


def attention_and_targets(model: EncoderPredictor, text: str) -> tuple[list[str], np.ndarray, dict[str, np.ndarray]]:
    """Tokens, attention probabilities, and the share of each head's attention by target."""
    tokens, probabilities = attention(model, text)
    return tokens, probabilities, attention_by_target(model.tokenizer, tokens, probabilities)


def attention(model: EncoderPredictor, text: str) -> tuple[list[str], np.ndarray]:
    """Tokens and attention probabilities of the encoder, (layers, heads, time, time); rows attend to columns.

    Raises:
        UserError: If the text is empty.
    """
    if not text.strip():
        raise UserError("The text is empty: write a sentence.")
    network = backbone(model.model)
    limit = min(MAX_TOKENS, model.max_length)
    inputs = model.tokenizer(text, truncation=True, max_length=limit, return_tensors="pt")
    before = network.config._attn_implementation
    network.set_attn_implementation("eager")  # fused kernels do not return probabilities
    try:
        with torch.inference_mode():
            layers = network(**inputs.to(model.model.device), output_attentions=True).attentions
    finally:
        network.set_attn_implementation(before)
    return model.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]), torch.cat(layers).float().cpu().numpy()


def attention_by_target(tokenizer: Any, tokens: Sequence[str], values: np.ndarray) -> dict[str, np.ndarray]:
    """Share of each head's attention that goes to a kind of token (Clark et al., 2019, section 3).

    Args:
        values: Attention probabilities, (layers, heads, time, time).

    Returns:
        Kind of token -> (layers, heads), the mean over all attending tokens; a token can be of two kinds.
    """
    time = len(tokens)
    special = np.isin(tokens, tokenizer.all_special_tokens)
    same = np.asarray(tokens)[:, None] == np.asarray(tokens)
    kinds = {
        "the previous token": np.eye(time, k=-1),
        "the next token": np.eye(time, k=1),
        "itself": np.eye(time),
        "special tokens": np.broadcast_to(special, (time, time)),
        "the same token elsewhere": same & ~np.eye(time, dtype=bool) & ~special,
    }
    return {kind: np.einsum("lhqk,qk->lh", values, mask.astype(np.float32)) / time for kind, mask in kinds.items()}
