"""Rows of token ids as batches: in one line without padding, or padded to the longest with rows of like length together."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers.models.bert.modeling_bert import BertPreTrainedModel

from training.nn.packed_attention import PACKED_ENCODER, layout_of

BATCH_TOKENS = 4096  # a batch, padding included
CPU_BATCH_TOKENS = (
    1024  # what a layer makes of these stays in a CPU's cache: 20 % quicker than 4096, quicker than 256 too
)


def pad(ids: list[np.ndarray], types: list[np.ndarray | None], pad_id: int) -> dict[str, torch.Tensor]:
    """Arrays of token ids to one batch, (rows, longest). Without padding there is no mask: attention is quicker so."""
    lengths = np.asarray([len(row) for row in ids])
    shape = (len(ids), int(lengths.max()))
    place = np.arange(shape[1])[None, :] < lengths[:, None]
    batch = {"input_ids": _filled(shape, place, ids, pad_id)}
    if types[0] is not None:
        batch["token_type_ids"] = _filled(shape, place, types, 0)
    if not place.all():
        batch["attention_mask"] = torch.as_tensor(place.astype(np.int64))
    return batch


def pack(ids: list[np.ndarray], types: list[np.ndarray | None]) -> dict[str, Any]:
    """Arrays of token ids to one line, (1, tokens), for a network that `accepts_packed`; `layout` says where each row lies."""
    lengths = np.asarray([len(row) for row in ids])
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    made = {"input_ids": np.concatenate(ids), "position_ids": places}
    if types[0] is not None:
        made["token_type_ids"] = np.concatenate(types)  # type: ignore[arg-type]
    line = {name: torch.as_tensor(value.astype(np.int64))[None] for name, value in made.items()}
    return line | {"layout": layout_of(lengths, causal=False)}


def batch_of(
    ids: list[np.ndarray], types: list[np.ndarray | None], pad_id: int, packed: bool
) -> tuple[dict[str, Any], np.ndarray]:
    """A batch, packed or padded, and where each row begins when its first two dimensions are flattened, (rows,)."""
    if packed:
        line = pack(ids, types)
        return line, np.flatnonzero(line["position_ids"][0] == 0)
    batch = pad(ids, types, pad_id)
    return batch, np.arange(len(ids)) * batch["input_ids"].shape[1]


def accepts_packed(model: Any) -> bool:
    """Let a BERT read packed batches, and still padded ones; whether it does."""
    network = model.get_base_model() if hasattr(model, "get_base_model") else model  # inside adapters
    if not isinstance(network, BertPreTrainedModel) or network.config.is_decoder:
        return False
    network.set_attn_implementation(PACKED_ENCODER)
    return True


def _filled(shape: tuple[int, int], place: np.ndarray, rows: list, value: int) -> torch.Tensor:
    filled = np.full(shape, value, dtype=np.int64)
    filled[place] = np.concatenate(rows)
    return torch.as_tensor(filled)


def most_tokens(model: torch.nn.Module) -> int:
    """Tokens of a batch to predict, by where the model is."""
    return CPU_BATCH_TOKENS if next(model.parameters()).device.type == "cpu" else BATCH_TOKENS


def batches_by_length(lengths: list[int], most: int = BATCH_TOKENS) -> list[list[int]]:
    """Row numbers by length, cut where the padded batch would pass `most` tokens."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not batches or (len(batches[-1]) + 1) * lengths[row] > most:
            batches.append([])
        batches[-1].append(row)
    return batches
