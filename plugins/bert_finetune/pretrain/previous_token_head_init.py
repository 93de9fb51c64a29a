"""Initialise some attention heads of a new BERT to attend to neighbouring tokens.

A BERT from scratch stays a bag of words for long: after 30 million tokens, a small one predicted masked words as well
in shuffled text. It must learn from absolute positions and 15 % of the words that neighbours matter. Heads of trained
networks attend to fixed offsets (Raganato et al., 2020, arXiv:2002.10260), and weights initialised like trained ones
learn sooner (mimetic initialisation: Trockman & Kolter, 2023, arXiv:2305.09828). All weights stay trainable.
"""

from __future__ import annotations

import math
from typing import Any

import torch

HEAD_SHARE = 2 / 3  # of a layer's heads, in the first half of the layers
MIN_HEADS = 4
PEAK_LOGIT = 6.5  # attention logit at the offset; about 0 elsewhere
VALUE_STD = (
    0.05  # of value and output weights of those layers: with BERT's 0.02 the heads would contribute almost nothing
)
SEED = 1  # of the frequencies


@torch.no_grad()
def init_previous_token_heads(model: Any) -> None:
    """Set the embeddings and the first layers of a new BERT; one with fewer than four heads is left unchanged,
    since positions would take too much of its width.

    Positions get the last d = hidden_size / heads dimensions for themselves: cos(w p) and sin(w p) for d / 2 random
    frequencies w in [0, pi]. The key of a head is this part, its query the same rotated by w times the head's offset,
    so that their product is largest at the offset.
    """
    config = model.config
    heads, width = config.num_attention_heads, config.hidden_size
    size = width // heads
    if heads < MIN_HEADS or size % 2:
        return
    frequencies = torch.rand(size // 2, generator=torch.Generator().manual_seed(SEED)) * math.pi
    body = getattr(model, "bert", model)
    _set_positions(body.embeddings, frequencies, config.initializer_range)
    # Squared amplitude of a frequency: after the layer norm, positions have half of the squared length.
    power = width / 2 / len(frequencies)
    gain = math.sqrt(PEAK_LOGIT * math.sqrt(size) / (len(frequencies) * power))
    for number, layer in enumerate(body.encoder.layer[: (len(body.encoder.layer) + 1) // 2]):
        attention = layer.attention
        attention.self.value.weight.normal_(0, VALUE_STD)
        attention.output.dense.weight.normal_(0, VALUE_STD)
        for head, offset in enumerate(offsets(number, heads)):
            rows = slice(head * size, (head + 1) * size)
            for part, weight in (
                (attention.self.query, _rotation(frequencies, offset)),
                (attention.self.key, torch.eye(size)),
            ):
                part.weight[rows] = 0
                part.weight[rows, -size:] = gain * weight


def offsets(layer: int, heads: int) -> list[int]:
    """Offsets of the heads of a layer: -1 and 1, then larger ones in higher layers; -1 is the previous token."""
    distances = [1, *range(layer + 2, layer + 2 + heads)]
    count = min(heads - 1, max(1, round(HEAD_SHARE * heads)))
    return [sign * distance for distance in distances for sign in (-1, 1)][:count]


def _set_positions(embeddings: Any, frequencies: torch.Tensor, std: float) -> None:
    """Give positions their own dimensions, with the length that word embeddings have in theirs."""
    words, positions = embeddings.word_embeddings.weight, embeddings.position_embeddings.weight
    size = 2 * len(frequencies)
    angles = torch.arange(len(positions))[:, None] * frequencies  # (positions, d / 2)
    length = std * math.sqrt(words.shape[1] - size)
    words[:, -size:] = 0
    positions.normal_(0, std / 20)
    positions[:, -size:] = torch.cat((angles.cos(), angles.sin()), 1) * (length / math.sqrt(len(frequencies)))


def _rotation(frequencies: torch.Tensor, offset: int) -> torch.Tensor:
    """Rotation from the angles of position p to those of p + offset, (d, d)."""
    cos, sin = torch.diag((frequencies * offset).cos()), torch.diag((frequencies * offset).sin())
    return torch.cat((torch.cat((cos, -sin), 1), torch.cat((sin, cos), 1)), 0)
