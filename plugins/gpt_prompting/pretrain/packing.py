"""A batch without padding: all segments in one line of tokens, and where attention finds each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from plugins.gpt_prompting.pretrain.corpus import UNLABELLED, Segment
from training.nn.packed_attention import layout_of


def pack(rows: Sequence[Sequence[Segment]]) -> dict:
    """Segments end to end.

    Returns:
        input_ids and position_ids, (1, tokens), positions beginning anew with each segment; at, targets and weights of the
        tokens that have a label, and owners, the row of each, (labelled,); layout, see `packed_attention.layout_of`.
    """
    segments = [segment for row in rows for segment in row]
    lengths = np.asarray([len(segment.ids) for segment in segments])
    targets, weights = (np.concatenate([segment[part] for segment in segments]) for part in (1, 2))
    owner = np.repeat(np.arange(len(rows)), [sum(len(segment.ids) for segment in row) for row in rows])
    at = np.flatnonzero((targets != UNLABELLED) & (weights > 0))
    starts = np.cumsum(lengths) - lengths
    places = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    whole = {
        "input_ids": np.concatenate([segment.ids for segment in segments])[None],
        "position_ids": places[None],
        "at": at,
        "targets": targets[at],
        "owners": owner[at],
    }
    made = {name: torch.as_tensor(value.astype(np.int64)) for name, value in whole.items()}
    return made | {"weights": torch.as_tensor(weights[at]), "layout": layout_of(lengths)}
