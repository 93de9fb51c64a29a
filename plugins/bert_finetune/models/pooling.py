"""Pool token vectors into one vector per text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_TEXTS = 32


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


def embed_texts(model: Any, tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int) -> np.ndarray:
    """Embed texts by masked mean pooling of the last layer, (texts, width), float32.

    Raises:
        UserError: If there is no text, or a text is empty.
    """
    if not texts or not all(text.strip() for text in texts):
        raise UserError("The text is empty: write something to embed.")
    network, vectors = backbone(model), []
    for start in range(0, len(texts), BATCH_TEXTS):
        chunk = texts[start : start + BATCH_TEXTS]
        batch = tokenizer(chunk, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
        batch = batch.to(model.device)
        with torch.inference_mode():
            hidden = network(**batch).last_hidden_state
        vectors.append(masked_mean(hidden.float(), batch["attention_mask"]).cpu().numpy())
    return np.concatenate(vectors)
