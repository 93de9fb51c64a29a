"""Batch rows of token ids: packed into one sequence without padding, or padded to the longest row."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers.models.bert.modeling_bert import BertPreTrainedModel

from training.nn.packed_attention import PACKED_ENCODER, layout_of

BATCH_TOKENS = 4096  # per batch, padding included
CPU_BATCH_TOKENS = 1024  # activations of a layer stay in the CPU's cache: 20 % faster than 4096, and faster than 256


def pad(ids: list[np.ndarray], types: list[np.ndarray | None], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad rows of token ids to (rows, longest). If nothing is padded there is no mask, which makes attention faster."""
    lengths = np.asarray([len(row) for row in ids])
    is_token = np.arange(int(lengths.max()))[None, :] < lengths[:, None]
    batch = {"input_ids": _filled(is_token, ids, pad_id)}
    if types[0] is not None:
        batch["token_type_ids"] = _filled(is_token, types, 0)
    if not is_token.all():
        batch["attention_mask"] = torch.as_tensor(is_token.astype(np.int64))
    return batch


def pack(ids: list[np.ndarray], types: list[np.ndarray | None]) -> dict[str, Any]:
    """Concatenate rows of token ids to (1, tokens), for a network after `enable_packing`; `layout` locates each row."""
    lengths = np.asarray([len(row) for row in ids])
    positions = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    arrays = {"input_ids": np.concatenate(ids), "position_ids": positions}
    if types[0] is not None:
        arrays["token_type_ids"] = np.concatenate(types)  # type: ignore[arg-type]
    batch = {name: torch.as_tensor(value.astype(np.int64))[None] for name, value in arrays.items()}
    return batch | {"layout": layout_of(lengths, causal=False)}


def make_batch(
    ids: list[np.ndarray], types: list[np.ndarray | None], pad_id: int, packed: bool
) -> tuple[dict[str, Any], np.ndarray]:
    """Return a packed or padded batch, and the start of each row in its flattened first two dimensions, (rows,)."""
    if packed:
        lengths = np.asarray([len(row) for row in ids])
        return pack(ids, types), np.cumsum(lengths) - lengths
    batch = pad(ids, types, pad_id)
    return batch, np.arange(len(ids)) * batch["input_ids"].shape[1]


def enable_packing(model: Any) -> bool:
    """Switch a BERT to attention that reads packed (and padded) batches; return False for other architectures."""
    network = model.get_base_model() if hasattr(model, "get_base_model") else model  # inside adapters
    if not isinstance(network, BertPreTrainedModel) or network.config.is_decoder:
        return False
    network.set_attn_implementation(PACKED_ENCODER)
    return True


def _filled(is_token: np.ndarray, rows: list, value: int) -> torch.Tensor:
    filled = np.full(is_token.shape, value, dtype=np.int64)
    filled[is_token] = np.concatenate(rows)
    return torch.as_tensor(filled)


def max_batch_tokens(model: torch.nn.Module) -> int:
    """Return the tokens per batch of inference, by the device of the model."""
    return CPU_BATCH_TOKENS if next(model.parameters()).device.type == "cpu" else BATCH_TOKENS


def batches_by_length(lengths: list[int], max_tokens: int = BATCH_TOKENS) -> list[list[int]]:
    """Sort row numbers by length and split them where a padded batch would exceed `max_tokens`."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not batches or (len(batches[-1]) + 1) * lengths[row] > max_tokens:
            batches.append([])
        batches[-1].append(row)
    return batches
