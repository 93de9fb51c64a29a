"""A start from scratch in which some heads look at neighbouring tokens, so that word order is used from the first step.

A BERT from scratch is a bag of words for long: after 30 million tokens a small one guessed hidden words as well in a shuffled text.
It has to find from the absolute positions, and from 15 % of the words, that neighbours matter. Heads of trained networks do
attend to fixed offsets (Raganato et al., 2020, arXiv:2002.10260), and weights that begin like trained ones learn sooner
(mimetic initialisation: Trockman & Kolter, 2023, arXiv:2305.09828). Nothing is fixed here: every weight is trained on.
"""

from __future__ import annotations

import math
from typing import Any

import torch

SHARE = 2 / 3  # of a layer's heads, in the first half of the layers
FEWEST_HEADS = 4
PEAK = 6.5  # attention logit of the token looked at, where others have about 0
VALUES = 0.05  # standard deviation of the value and output weights of those layers: BERT's 0.02 would hardly pass anything on
SEED = 1  # of the frequencies


@torch.no_grad()
def look_at_neighbours(model: Any) -> None:
    """Set the embeddings and the first layers of a new BERT of `transformers`; one with fewer than four heads
    stays as it is, since positions would take too much of its width.

    Positions get the last `d = hidden_size / heads` dimensions for themselves: cos(w p) and sin(w p) for d / 2 frequencies w, drawn
    between 0 and pi. A head's key is that part, its query the same turned by w times its offset, so that their product is
    greatest at the offset.
    """
    config = model.config
    heads, width = config.num_attention_heads, config.hidden_size
    size = width // heads
    if heads < FEWEST_HEADS or size % 2:
        return
    frequencies = torch.rand(size // 2, generator=torch.Generator().manual_seed(SEED)) * math.pi
    body = getattr(model, "bert", model)
    _place(body.embeddings, frequencies, config.initializer_range)
    power = (
        width / 2 / len(frequencies)
    )  # squared amplitude of a frequency: after the norm, half of the width is the positions'
    gain = math.sqrt(PEAK * math.sqrt(size) / (len(frequencies) * power))
    for number, layer in enumerate(body.encoder.layer[: (len(body.encoder.layer) + 1) // 2]):
        attention = layer.attention
        attention.self.value.weight.normal_(0, VALUES)
        attention.output.dense.weight.normal_(0, VALUES)
        for head, offset in enumerate(offsets(number, heads)):
            rows = slice(head * size, (head + 1) * size)
            for part, weight in (
                (attention.self.query, _turned(frequencies, offset)),
                (attention.self.key, torch.eye(size)),
            ):
                part.weight[rows] = 0
                part.weight[rows, -size:] = gain * weight


def offsets(layer: int, heads: int) -> list[int]:
    """Where the heads of a layer look: one back, one ahead, then farther the higher the layer; -1 is the token before."""
    distances = [1, *range(layer + 2, layer + 2 + heads)]
    return [sign * distance for distance in distances for sign in (-1, 1)][
        : min(heads - 1, max(1, round(SHARE * heads)))
    ]


def _place(embeddings: Any, frequencies: torch.Tensor, spread: float) -> None:
    """Give the positions their dimensions, at the length that words have in theirs."""
    words, positions = embeddings.word_embeddings.weight, embeddings.position_embeddings.weight
    size = 2 * len(frequencies)
    angles = torch.arange(len(positions))[:, None] * frequencies  # (positions, d / 2)
    length = spread * math.sqrt(words.shape[1] - size)
    words[:, -size:] = 0
    positions.normal_(0, spread / 20)
    positions[:, -size:] = torch.cat((angles.cos(), angles.sin()), 1) * (length / math.sqrt(len(frequencies)))


def _turned(frequencies: torch.Tensor, offset: int) -> torch.Tensor:
    """The rotation that takes the angles of position p to those of p + offset, (d, d)."""
    cos, sin = torch.diag((frequencies * offset).cos()), torch.diag((frequencies * offset).sin())
    return torch.cat((torch.cat((cos, -sin), 1), torch.cat((sin, cos), 1)), 0)
