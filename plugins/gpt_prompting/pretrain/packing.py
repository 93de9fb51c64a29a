"""A batch without padding: all segments in one line of tokens, and where attention finds each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from plugins.gpt_prompting.pretrain.corpus import UNLABELLED, Segment

FILLED = 0.8  # of a group's longest segment that its shortest must have


def pack(rows: Sequence[Sequence[Segment]]) -> dict:
    """Segments end to end.

    Returns:
        input_ids and position_ids, (1, tokens), positions beginning anew with each segment; at, targets and weights of the
        tokens that have a label, and owners, the row of each, (labelled,); layout, see `layout_of`.
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


def layout_of(lengths: np.ndarray) -> dict[str, list[torch.Tensor] | torch.Tensor]:
    """How a line of tokens becomes a few blocks of segments of like length, for attention alone.

    A causal mask keeps real tokens from seeing padding that comes after them, so the blocks need no mask: it is what fused
    kernels are quickest at.

    Returns:
        blocks: for each group the places in the line, (segments, longest), padding pointing anywhere; back: for each token
        its place in the blocks laid end to end, (tokens,).
    """
    starts = np.cumsum(lengths) - lengths
    back, blocks, laid = np.zeros(int(lengths.sum()), dtype=np.int64), [], 0
    for group in _groups(lengths):
        longest = int(lengths[group].max())
        inside = np.arange(longest)[None] < lengths[group][:, None]
        places = np.where(inside, starts[group][:, None] + np.arange(longest), 0)
        back[places[inside]] = laid + np.flatnonzero(inside)
        blocks.append(torch.as_tensor(places))
        laid += places.size
    return {"blocks": blocks, "back": torch.as_tensor(back)}


def _groups(lengths: np.ndarray) -> list[np.ndarray]:
    """Segment numbers, longest first, cut where one is much shorter than the first of its group; in order where all are alike."""
    if (lengths == lengths[0]).all():
        return [np.arange(len(lengths))]
    order, found = np.argsort(-lengths, kind="stable"), []
    while len(order):
        count = int((lengths[order] >= FILLED * lengths[order[0]]).sum())
        found.append(order[:count])
        order = order[count:]
    return found
