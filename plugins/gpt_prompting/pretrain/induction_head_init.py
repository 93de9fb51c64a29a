"""Induction-head initialisation: attention that starts as previous-token heads and induction heads.

In-context learning rests on a circuit of two heads (Olsson et al., 2022, arXiv:2209.11895): a previous-token head
brings to each token the token before it; an induction head attends to earlier positions whose preceding token is the
current one, and copies what stood there. Networks discover the circuit late and abruptly, after a long plateau (Chan et
al., 2022, arXiv:2205.05055; Reddy, 2024, arXiv:2312.03002), and small ones often never. Weights that start like trained
ones learn sooner (mimetic initialisation: Trockman & Kolter, 2023, arXiv:2305.09828).

How the weights are set, for GPT-2:

- The residual stream is divided into four subspaces: token embeddings, means of the last tokens ("windows"), previous
  tokens, and positions. Embeddings start in the first and last only. All four get equal lengths, so that after a layer
  norm each has a quarter of the squared length, which is the width.
- Layer 1: head 0 writes the previous token, heads 1 to 3 write means over the last 4, 10 and 20 tokens. They attend by
  position: the query-key product is a function of the distance alone, fitted by least squares.
- Layers 2 to the last but one: every head compares previous token and window at the current position with those at
  earlier positions, and copies the token that it attends to: nearest neighbours by common words, in the prompt, before
  any training.
- MLPs start small, since random ones add more noise than the stream has signal; the gain of the last norm is raised,
  since it bounds the logits of tied embeddings and with them the probability of a copied token.

No weight is frozen.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

MIN_LAYERS, MIN_HEADS = 2, 4
WINDOWS = (4, 10, 20)  # tokens that heads of the first layer average over
TOKEN_SHARE, WINDOW_SHARE = 3 / 8, 1 / 4  # of the stream's dimensions
PREVIOUS_LOGIT, WINDOW_LOGIT = 18.0, 8.0  # of tokens at the wanted distances; others have about 0
MATCH_PREVIOUS_LOGIT, MATCH_WINDOW_LOGIT = 20.0, 20.0  # of a token whose previous token, or window, is the same
COPY_GAIN = 2.0  # length of a copied token, in lengths of an embedding
FINAL_NORM_GAIN = 3.0
MLP_GAIN = 0.1
RIDGE = 5.0  # regularisation of the fit over distances
SEED = 1
QUERY, KEY, VALUE = 0, 1, 2  # order in GPT-2's c_attn


class _Stream(NamedTuple):
    """The subspaces of the residual stream, in this order; the last `head` dimensions hold the positions.

    Args:
        width: Of the stream.
        head: Width of a head.
        tokens: Dimensions of the token embeddings.
        windows: Dimensions of the window means.
        previous: Dimensions of the previous token.
    """

    width: int
    head: int
    tokens: int
    windows: int
    previous: int

    def select(self, start: int, count: int) -> torch.Tensor:
        """Read or write `count` dimensions from `start` on, (head, width)."""
        rows = torch.zeros(self.head, self.width)
        rows[:count, start : start + count] = torch.eye(count)
        return rows

    def project_tokens(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Read `count` random orthonormal directions of the token subspace, (head, width)."""
        rows = torch.zeros(self.head, self.width)
        basis = torch.linalg.qr(torch.randn(self.tokens, self.tokens, generator=generator))[0]
        rows[:count, : self.tokens] = basis[:count]
        return rows


@torch.no_grad()
def init_induction_heads(model: Any) -> None:
    """Set embeddings and attention of a new `GPT2LMHeadModel`; one with a single layer or fewer than 4 heads stays as
    it is."""
    config, body = model.config, model.transformer
    width, head = config.n_embd, config.n_embd // config.n_head
    if config.n_layer < MIN_LAYERS or config.n_head < MIN_HEADS or head % 4:
        return
    generator = torch.Generator().manual_seed(SEED)
    tokens, windows = round(TOKEN_SHARE * width), min(head, round(WINDOW_SHARE * width))
    stream = _Stream(width, head, tokens, windows, min(head, width - head - tokens - windows))
    length = config.initializer_range * math.sqrt(width)  # of an embedding
    # More low frequencies than high ones: windows are wide.
    frequencies = math.pi * ((torch.arange(head // 2) + 0.5) / (head // 2)) ** 2
    _init_embeddings(body, stream, frequencies, length)
    read_window = stream.project_tokens(stream.windows, generator)
    read_previous = stream.project_tokens(stream.previous, generator)
    window = stream.select(tokens, stream.windows)
    previous = stream.select(tokens + stream.windows, stream.previous)
    unit = length / math.sqrt(width / 2)  # in the first layer the stream has two halves, tokens and positions
    first = body.h[0].attn
    _init_positional_head(first, 0, head, frequencies, config.n_positions, 1)
    _init_value_output(first, 0, head, read_previous, previous, unit * math.sqrt(tokens / stream.previous))
    for number, size in enumerate(WINDOWS, 1):
        _init_positional_head(first, number, head, frequencies, config.n_positions, size)
        gain = unit * math.sqrt(tokens / stream.windows) * math.sqrt(size / len(WINDOWS))
        _init_value_output(first, number, head, read_window, window, gain)
    body.ln_f.weight *= FINAL_NORM_GAIN
    for layer in body.h:
        layer.mlp.c_proj.weight *= MLP_GAIN
    for layer in body.h[1 : max(2, config.n_layer - 1)]:
        for number in range(config.n_head):
            _init_matching_head(layer.attn, number, stream, read_previous, previous, window)
            copied = stream.project_tokens(min(head, tokens), generator)
            share = tokens / (config.n_head * len(copied))  # heads that copy the same direction add up
            _init_value_output(
                layer.attn, number, head, copied, copied, 2 * COPY_GAIN * share * length / math.sqrt(width)
            )


def _init_embeddings(body: Any, stream: _Stream, frequencies: torch.Tensor, length: float) -> None:
    """Confine token and position embeddings to their subspaces, at the same length; positions are sines and cosines."""
    tokens, positions = body.wte.weight, body.wpe.weight
    tokens[:, stream.tokens :] = 0
    tokens *= length / tokens.norm(dim=1).mean()
    angles = torch.arange(len(positions))[:, None] * frequencies  # (positions, head / 2)
    positions.normal_(0, length / math.sqrt(stream.width) / 20)
    waves = torch.cat((angles.cos(), angles.sin()), 1)
    positions[:, -stream.head :] = waves * (length / math.sqrt(len(frequencies)))


def _init_positional_head(
    attention: Any, head: int, size: int, frequencies: torch.Tensor, positions: int, window: int
) -> None:
    """Query and key of a head that attends evenly to the last `window` tokens, the current one excluded.

    Its logit is a function of the distance d: a sum of a cos(w d) + b sin(w d) over the frequencies w, fitted by least
    squares to a constant within the window and 0 outside, with ten times the weight on distances up to twice the
    window.
    """
    angles = torch.arange(positions)[:, None] * frequencies
    waves = torch.cat((angles.cos(), angles.sin()), 1)  # (positions, head width)
    target = torch.zeros(positions)
    target[1 : window + 1] = PREVIOUS_LOGIT if window == 1 else WINDOW_LOGIT
    weight = 1 + 9 * (torch.arange(positions) <= 2 * window).float()
    weighted = waves * weight[:, None]
    a, b = torch.linalg.solve(weighted.T @ waves + RIDGE * torch.eye(size), weighted.T @ target).chunk(2)
    # After the norm a frequency has the squared amplitude width / size, since half of the stream is position.
    scale = math.sqrt(size) * size / attention.embed_dim
    rotated = torch.cat((torch.cat((a.diag(), b.diag()), 1), torch.cat((-b.diag(), a.diag()), 1)), 0)
    _set(attention, QUERY, head, size, _read_positions(rotated, attention.embed_dim) * math.sqrt(scale))
    _set(attention, KEY, head, size, _read_positions(torch.eye(size), attention.embed_dim) * math.sqrt(scale))


def _read_positions(rows: torch.Tensor, width: int) -> torch.Tensor:
    """Read the last dimensions of the stream, (size, width)."""
    return torch.cat((torch.zeros(len(rows), width - rows.shape[1]), rows), 1)


def _init_matching_head(
    attention: Any, number: int, stream: _Stream, read: torch.Tensor, previous: torch.Tensor, window: torch.Tensor
) -> None:
    """Query and key of an induction head: it attends to tokens that follow the current token, or a window like the
    current one.

    Half of its dimensions compare the current token with the previous token there, half compare the windows of both.
    """
    half, quarter = stream.head // 2, stream.width / 4
    previous_rows = torch.arange(half) % stream.previous
    window_rows = (torch.arange(half) + number * half) % stream.windows
    token_length = quarter * half / stream.tokens  # squared length of the current token in so many directions
    scale = math.sqrt(stream.head)
    same = math.sqrt(MATCH_PREVIOUS_LOGIT * scale / math.sqrt(token_length * quarter * half / stream.previous))
    similar = math.sqrt(MATCH_WINDOW_LOGIT * scale / (quarter * half / stream.windows))
    similar_window = similar * window[window_rows]
    _set(attention, QUERY, number, stream.head, torch.cat((same * read[previous_rows], similar_window)))
    _set(attention, KEY, number, stream.head, torch.cat((same * previous[previous_rows], similar_window)))


def _init_value_output(
    attention: Any, head: int, size: int, reads: torch.Tensor, writes: torch.Tensor, gain: float
) -> None:
    """Value and output of a head: what it reads of a token, (size, width), is written to the rows of `writes`."""
    _set(attention, VALUE, head, size, reads)
    attention.c_proj.weight[head * size : (head + 1) * size] = gain * writes


def _set(attention: Any, part: int, head: int, size: int, rows: torch.Tensor) -> None:
    """Set query, key or value of a head, (size, width); GPT-2 stores them transposed and side by side."""
    start = part * attention.embed_dim + head * size
    attention.c_attn.weight[:, start : start + size] = rows.T
