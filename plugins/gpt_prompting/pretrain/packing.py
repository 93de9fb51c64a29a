"""Packed batches: all segments end to end in one sequence without padding, with block-diagonal causal attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from plugins.gpt_prompting.pretrain.corpus import UNLABELLED, Segment
from training.nn.packed_attention import layout_of


def pack(rows: Sequence[Sequence[Segment]]) -> dict[str, Any]:
    """Pack the segments of a batch.

    Returns:
        input_ids and position_ids, (1, tokens), positions starting at 0 in each segment; labelled (indices), targets
        and weights of the tokens that have a target, and row_of_label, the row of each, (labelled,); layout, see
        `packed_attention.layout_of`.
    """
    segments = [segment for row in rows for segment in row]
    lengths = np.asarray([len(segment.ids) for segment in segments])
    targets = np.concatenate([segment.targets for segment in segments])
    weights = np.concatenate([segment.weights for segment in segments])
    row_of_token = np.repeat(np.arange(len(rows)), [sum(len(segment.ids) for segment in row) for row in rows])
    labelled = np.flatnonzero((targets != UNLABELLED) & (weights > 0))
    starts = np.cumsum(lengths) - lengths
    arrays = {
        "input_ids": np.concatenate([segment.ids for segment in segments])[None],
        "position_ids": (np.arange(lengths.sum()) - np.repeat(starts, lengths))[None],
        "labelled": labelled,
        "targets": targets[labelled],
        "row_of_label": row_of_token[labelled],
    }
    tensors: dict[str, Any] = {name: torch.as_tensor(array.astype(np.int64)) for name, array in arrays.items()}
    return tensors | {"weights": torch.as_tensor(weights[labelled]), "layout": layout_of(lengths)}
