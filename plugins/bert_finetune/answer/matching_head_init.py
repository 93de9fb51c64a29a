"""Initialise an attention head of the first layer to find the words of the question in the context, and the reverse.

Whether a word of the context stands in the question is what a small reader gains most from (Chen et al., 2017,
arXiv:1704.00051, table 6). In our starter no head looked for equal tokens, before or after 3,800 steps on questions:
docs/experiments/bert_finetune.md#a-head-that-matches-equal-words. Weights initialised like trained ones learn sooner
(mimetic initialisation: Trockman & Kolter, 2023, arXiv:2305.09828). All weights stay trainable.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from training.errors import UserError

PEAK_LOGIT = 10.0  # of attention between two equal tokens; between different ones 0 in the mean
SEGMENT_LOGIT = 3.0  # added where they are of different segments, and taken away within one: a token equals itself
OUTPUT_LENGTH = 3.0  # of what the head writes; a hidden state has about the square root of its width, 14 of 192
RIDGE = 1e-3  # of the mean variance
SEED = 1  # of the positions and of the direction that is written


@torch.no_grad()
def init_matching_head(model: Any) -> None:
    """Set the last head of the first layer of a BERT.

    Query and key hold what tells tokens apart whatever their position and segment (linear discriminant analysis;
    Fisher, 1936), and the segment, with opposite signs. So a token attends to its equals in the other segment, and
    to itself where there is none. The value is the segment that is attended to.

    Raises:
        UserError: If the network is no BERT with two segments.
    """
    body = getattr(model, "bert", None)
    if body is None or model.config.type_vocab_size < 2:
        raise UserError("matching_head_init needs a BERT that tells two segments apart: set it to false.")
    size = model.config.hidden_size // model.config.num_attention_heads
    generator = torch.Generator().manual_seed(SEED)
    mean, tokens, segment = _directions(body.embeddings, size - 1, generator)
    match, other = (math.sqrt(logit * math.sqrt(size)) for logit in (PEAK_LOGIT / (size - 1), SEGMENT_LOGIT))
    attention, rows = body.encoder.layer[0].attention, slice(-size, None)
    for part, sign in ((attention.self.query, 1), (attention.self.key, -1)):
        weight = torch.cat((match * tokens, sign * other * segment[None]))
        part.weight[rows], part.bias[rows] = weight, -weight @ mean
    attention.self.value.weight[-1], attention.self.value.bias[-1] = segment, -segment @ mean
    written = torch.randn(len(segment), generator=generator)
    attention.output.dense.weight[:, rows] = 0
    attention.output.dense.weight[:, -1] = OUTPUT_LENGTH * written / written.norm()


def _directions(embeddings: Any, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """What the first layer reads of a token: its mean, what tells tokens apart, and what tells its segment.

    Returns:
        The mean, (width,). Directions, (count, width), along which tokens have variance 1. A direction, (width,),
        along which the first segment is at 1 from the mean and the second at -1.
    """
    words, positions, segments = (
        getattr(embeddings, f"{name}_embeddings").weight.float() for name in ("word", "position", "token_type")
    )
    drawn = torch.randint(len(positions), (2, 2, len(words)), generator=generator)  # two positions in each segment
    hidden = embeddings.LayerNorm(words + positions[drawn] + segments[:2, None, None])  # (segment, 2, tokens, width)
    token, mean = hidden.mean((0, 1)), hidden.mean((0, 1, 2))
    within, between = _covariance(hidden - token), _covariance(token - mean)
    inverse = torch.linalg.inv(torch.linalg.cholesky(_ridged(within)))
    found = torch.linalg.eigh(inverse @ between @ inverse.T).eigenvectors[:, -count:].T @ inverse
    found /= ((token - mean) @ found.T).std(0)[:, None]
    difference = (hidden[0] - hidden[1]).mean((0, 1)) / 2
    segment = torch.linalg.solve(_ridged(within + between), difference)
    return mean, found, segment / (segment @ difference)


def _covariance(centred: Tensor) -> Tensor:
    rows = centred.flatten(0, -2)
    return rows.T @ rows / len(rows)


def _ridged(covariance: Tensor) -> Tensor:
    return covariance + RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
