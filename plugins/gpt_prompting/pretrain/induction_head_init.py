"""A start from scratch in which attention already gathers the last words and looks for the like of them earlier.

Learning from examples in the prompt rests on two heads in a row (Olsson et al., 2022, arXiv:2209.11895): one that brings to a
token what stood before it, and one that looks for an earlier token before which the same stood, and copies it. Networks find them
late and at once, after a long plateau (Chan et al., 2022, arXiv:2205.05055; Reddy, 2024, arXiv:2312.03002), and small ones often
never. Here the first layer begins with heads that bring the token before and the mean of the last ones, and the next layers with
heads that look for both at once and copy the token found: nearest neighbours by common words, in the prompt, before any training.
Weights that begin like trained ones learn sooner (mimetic initialisation: Trockman & Kolter, 2023, arXiv:2305.09828). Nothing is
fixed: every weight is trained on.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

MIN_LAYERS, MIN_HEADS = 2, 4
WINDOWS = (4, 10, 20)  # tokens that heads of the first layer average
TOKENS, GATHERED = 3 / 8, 1 / 4  # share of the stream that tokens, and that windows, begin in
PEAK_BEFORE, PEAK_WINDOW = 18.0, 8.0  # attention logits of tokens looked at by their place, where others have about 0
SAME_BEFORE, SAME_WINDOW = 20.0, 20.0  # logits of a token before which the same token, or the same window, stands
COPIED = 2.0  # length of what is copied, in lengths of an embedding
SHARP = 3.0  # gain of the last norm, which bounds the logits of tied embeddings, and with them how sure a copied word can be
QUIET = 0.1  # of the perceptrons' output: at first they would add more noise than the stream holds signal
RIDGE = 5.0
SEED = 1


class _Stream(NamedTuple):
    """Who begins where: tokens, windows, tokens before and places each have dimensions of their own.

    In what follows their lengths are equal, so that after the norm each has a quarter of the squared length, which is the width.
    """

    width: int
    head: int  # width of a head, and dimensions of the places, which are the last
    tokens: int
    windows: int
    before: int

    def rows(self, start: int, count: int) -> torch.Tensor:
        """Reading or writing `count` dimensions from `start` on, (head, width)."""
        rows = torch.zeros(self.head, self.width)
        rows[:count, start : start + count] = torch.eye(count)
        return rows

    def drawn(self, count: int, random: torch.Generator) -> torch.Tensor:
        """Reading `count` random directions of the tokens, orthonormal, (head, width)."""
        rows = torch.zeros(self.head, self.width)
        rows[:count, : self.tokens] = torch.linalg.qr(torch.randn(self.tokens, self.tokens, generator=random))[0][
            :count
        ]
        return rows


@torch.no_grad()
def init_induction_heads(model: Any) -> None:
    """Set embeddings and attention of a new `GPT2LMHeadModel`; one of a single layer or of few heads stays as it is."""
    config, body = model.config, model.transformer
    width, head = config.n_embd, config.n_embd // config.n_head
    if config.n_layer < MIN_LAYERS or config.n_head < MIN_HEADS or head % 4:
        return
    random = torch.Generator().manual_seed(SEED)
    tokens, windows = round(TOKENS * width), min(head, round(GATHERED * width))
    stream = _Stream(width, head, tokens, windows, min(head, width - head - tokens - windows))
    length = config.initializer_range * math.sqrt(width)
    frequencies = (
        math.pi * ((torch.arange(head // 2) + 0.5) / (head // 2)) ** 2
    )  # more of the low ones: windows are wide
    _place(body, stream, frequencies, length)
    read_window, read_before = stream.drawn(stream.windows, random), stream.drawn(stream.before, random)
    gathered, before = stream.rows(tokens, stream.windows), stream.rows(tokens + stream.windows, stream.before)
    unit = length / math.sqrt(width / 2)  # in the first layer there are two halves, tokens and places
    first = body.h[0].attn
    _look_back(first, 0, head, frequencies, config.n_positions, 1)
    _carry(first, 0, head, read_before, before, unit * math.sqrt(tokens / stream.before))
    for number, window in enumerate(WINDOWS, 1):
        _look_back(first, number, head, frequencies, config.n_positions, window)
        gain = unit * math.sqrt(tokens / stream.windows) * math.sqrt(window / len(WINDOWS))
        _carry(first, number, head, read_window, gathered, gain)
    body.ln_f.weight *= SHARP
    for layer in body.h:
        layer.mlp.c_proj.weight *= QUIET
    for layer in body.h[1 : max(2, config.n_layer - 1)]:
        for number in range(config.n_head):
            _match(layer.attn, number, stream, read_before, before, gathered)
            copied = stream.drawn(min(head, tokens), random)
            share = tokens / (config.n_head * len(copied))  # heads that copy the same direction add up
            _carry(layer.attn, number, head, copied, copied, 2 * COPIED * share * length / math.sqrt(width))


def _place(body: Any, stream: _Stream, frequencies: torch.Tensor, length: float) -> None:
    """Give tokens and positions their dimensions, and the same length."""
    tokens, places = body.wte.weight, body.wpe.weight
    tokens[:, stream.tokens :] = 0
    tokens *= length / tokens.norm(dim=1).mean()
    angles = torch.arange(len(places))[:, None] * frequencies  # (positions, head / 2)
    places.normal_(0, length / math.sqrt(stream.width) / 20)
    places[:, -stream.head :] = torch.cat((angles.cos(), angles.sin()), 1) * (length / math.sqrt(len(frequencies)))


def _look_back(attention: Any, head: int, size: int, frequencies: torch.Tensor, positions: int, window: int) -> None:
    """Query and key of a head that sees the last `window` tokens, itself left out, all alike.

    Its logit is a function of the distance, a sum of a cos(w distance) + b sin(w distance) over the frequencies w, fitted by
    least squares: high within the window and 0 outside.
    """
    distance = torch.arange(positions)[:, None] * frequencies
    waves = torch.cat((distance.cos(), distance.sin()), 1)  # (positions, d)
    wanted = torch.zeros(positions)
    wanted[1 : window + 1] = PEAK_BEFORE if window == 1 else PEAK_WINDOW
    near = 1 + 9 * (torch.arange(positions) <= 2 * window).float()
    weighted = waves * near[:, None]
    a, b = torch.linalg.solve(weighted.T @ waves + RIDGE * torch.eye(size), weighted.T @ wanted).chunk(2)
    # after the norm a frequency has the squared amplitude width / size, half of the stream being place
    scale = math.sqrt(size) * size / attention.embed_dim
    turned = torch.cat((torch.cat((a.diag(), b.diag()), 1), torch.cat((-b.diag(), a.diag()), 1)), 0)
    _set(attention, 0, head, size, _padded(turned, attention.embed_dim) * math.sqrt(scale))
    _set(attention, 1, head, size, _padded(torch.eye(size), attention.embed_dim) * math.sqrt(scale))


def _padded(rows: torch.Tensor, width: int) -> torch.Tensor:
    """Reading the last dimensions of the stream, (size, width)."""
    return torch.cat((torch.zeros(len(rows), width - rows.shape[1]), rows), 1)


def _match(
    attention: Any, number: int, stream: _Stream, read: torch.Tensor, before: torch.Tensor, gathered: torch.Tensor
) -> None:
    """Query and key of a head that finds tokens with the same token before them and the like in their window.

    Half of its dimensions compare the token here with the token before there, half the windows of both.
    """
    half, quarter = stream.head // 2, stream.width / 4
    these = torch.arange(half) % stream.before
    those = (torch.arange(half) + number * half) % stream.windows
    here = quarter * half / stream.tokens  # squared length of the token here in so many directions
    same = math.sqrt(SAME_BEFORE * math.sqrt(stream.head) / math.sqrt(here * quarter * half / stream.before))
    like = math.sqrt(SAME_WINDOW * math.sqrt(stream.head) / (quarter * half / stream.windows))
    _set(attention, 0, number, stream.head, torch.cat((same * read[these], like * gathered[those])))
    _set(attention, 1, number, stream.head, torch.cat((same * before[these], like * gathered[those])))


def _carry(attention: Any, head: int, size: int, reads: torch.Tensor, writes: torch.Tensor, gain: float) -> None:
    """Value and output of a head: what it reads of a token, (size, width), goes where it writes."""
    _set(attention, 2, head, size, reads)
    attention.c_proj.weight[head * size : (head + 1) * size] = gain * writes


def _set(attention: Any, part: int, head: int, size: int, rows: torch.Tensor) -> None:
    """Query (0), key (1) or value (2) of a head, (size, width); GPT-2 keeps them transposed and side by side."""
    start = part * attention.embed_dim + head * size
    attention.c_attn.weight[:, start : start + size] = rows.T
