"""Pool token vectors into one vector per text."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from plugins.bert_finetune.models.batching import batches_by_length, max_batch_tokens, pad
from plugins.bert_finetune.models.bf16_inference import bf16_matmuls
from training.errors import UserError

MANY_TEXTS = 64  # from which on rounding to bf16 is worth its time


def masked_mean(hidden: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
    """Average the token vectors, leaving out padding (Reimers & Gurevych, 2019, §3).

    Args:
        hidden: Token vectors, (batch, time, width).
        attention_mask: 1 for tokens, 0 for padding, (batch, time); None where nothing is padded.

    Returns:
        One vector per text, (batch, width).
    """
    if attention_mask is None:
        return hidden.mean(1)
    weights = attention_mask[:, :, None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def row_means(values: torch.Tensor, owners: torch.Tensor, rows: int) -> torch.Tensor:
    """Average the values of each row; rows may have different numbers of values.

    Args:
        values: Numbers or vectors, (values,) or (values, width).
        owners: The row of each, (values,).

    Returns:
        (rows,) or (rows, width); 0 for a row without values.
    """
    counts = torch.bincount(owners, minlength=rows).clamp(min=1)
    summed = torch.zeros(rows, *values.shape[1:], device=values.device).index_add_(0, owners, values)
    return summed / counts.view(-1, *[1] * (values.ndim - 1))


def backbone(model: Any) -> Any:
    """Return the network without its heads; of an encoder-decoder, the encoder."""
    return model.get_encoder() if model.config.is_encoder_decoder else model.base_model


def embed_texts(model: Any, tokenizer: Any, texts: list[str], max_length: int, by_first: bool = False) -> np.ndarray:
    """Embed texts by masked mean pooling of the last layer or by its first token, (texts, width), float32.

    Texts of similar length are computed together; many of them in bf16 where a CPU has instructions for it.

    Raises:
        UserError: If there is no text, or a text is empty.
    """
    if not texts or not all(text.strip() for text in texts):
        raise UserError("The text is empty: write something to embed.")
    network, device = backbone(model), next(model.parameters()).device
    encoded = tokenizer(texts, truncation=True, max_length=max_length, return_attention_mask=False)
    ids, types = encoded["input_ids"], encoded.get("token_type_ids") or [None] * len(texts)
    vectors = np.zeros((len(texts), network.config.hidden_size), dtype=np.float32)
    with bf16_matmuls(network, enabled=len(texts) >= MANY_TEXTS), torch.inference_mode():
        for rows in batches_by_length([len(row) for row in ids], max_batch_tokens(model)):
            parts = [np.asarray(ids[row]) for row in rows], [types[row] for row in rows]
            batch = {name: value.to(device) for name, value in pad(*parts, tokenizer.pad_token_id).items()}
            hidden = network(**batch).last_hidden_state.float()
            pooled = hidden[:, 0] if by_first else masked_mean(hidden, batch.get("attention_mask"))
            vectors[rows] = pooled.cpu().numpy()
    return vectors
