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
from typing import Any

import torch

FEWEST_LAYERS, FEWEST_HEADS = 2, 4
WINDOWS = (12, 24, 8, 16)  # tokens that the heads of the first layer average
PEAK_BEFORE, PEAK_WINDOW = 18.0, 8.0  # attention logits of tokens looked at by their place, where others have about 0
SAME_BEFORE, SAME_WINDOW = 16.0, 12.0  # logits of a token before which the same token, or the same window, stands
COPIED = 1.5  # length of what is copied, in lengths of an embedding
QUIET = 0.1  # the first perceptrons would add more noise than the stream holds signal
RIDGE = 5.0
SEED = 1


@torch.no_grad()
def look_for_the_like(model: Any) -> None:
    """Set embeddings and attention of a new `GPT2LMHeadModel`; one of a single layer or of few heads stays as it is.

    With d the width of a head, positions get the last d dimensions of the stream for themselves, as cosines and sines. In what
    follows the lengths of token, place, token before and window are equal, so that after the norm each has a quarter.
    """
    config, body = model.config, model.transformer
    width, heads = config.n_embd, config.n_head
    if config.n_layer < FEWEST_LAYERS or heads < FEWEST_HEADS or (width // heads) % 4:
        return
    random = torch.Generator().manual_seed(SEED)
    size = width // heads
    before, windows = max(1, heads // 4), heads // 2
    length = config.initializer_range * math.sqrt(width)
    frequencies = (
        math.pi * ((torch.arange(size // 2) + 0.5) / (size // 2)) ** 2
    )  # more of the low ones: windows are wide
    _place(body, frequencies, length)
    reads = _bases(before + windows, size, width - size, width, random)  # what a head takes of a token
    writes = _bases(before + windows, size, width, width, random)  # where it puts it
    first = body.h[0].attn
    for head in range(before + windows):
        window = WINDOWS[(head - before) % len(WINDOWS)] if head >= before else 1
        share = (before if head < before else windows) * size / width
        gain = math.sqrt(window / share) * length / math.sqrt(width / 2)  # length of what it writes: an embedding's
        _look_back(first, head, size, frequencies, config.n_positions, window)
        _carry(first, head, size, reads[head], writes[head], gain)
    for layer in body.h:
        layer.mlp.c_proj.weight *= QUIET
    for layer in body.h[1 : max(2, config.n_layer - 1)]:
        copies = _bases(heads, size, width - size, width, random)
        for head in range(heads):
            _match(layer.attn, head, size, reads, writes, before, windows)
            _carry(layer.attn, head, size, copies[head], copies[head], 2 * COPIED * length / math.sqrt(width))


def _bases(count: int, size: int, within: int, width: int, random: torch.Generator) -> torch.Tensor:
    """Orthonormal rows, (count, size, width), of the first `within` dimensions; one head's are orthogonal to another's as
    long as there is room."""
    found = []
    for _ in range(0, count * size, within):
        found.append(torch.linalg.qr(torch.randn(within, within, generator=random))[0])
    rows = torch.zeros(count * size, width)
    rows[:, :within] = torch.cat(found)[: count * size]
    return rows.reshape(count, size, width)


def _place(body: Any, frequencies: torch.Tensor, length: float) -> None:
    """Give the positions their dimensions, at the length that tokens have in theirs."""
    tokens, places = body.wte.weight, body.wpe.weight
    size = 2 * len(frequencies)
    angles = torch.arange(len(places))[:, None] * frequencies  # (positions, d / 2)
    tokens[:, -size:] = 0
    tokens *= length / tokens.norm(dim=1).mean()
    places.normal_(0, length / math.sqrt(places.shape[1]) / 20)
    places[:, -size:] = torch.cat((angles.cos(), angles.sin()), 1) * (length / math.sqrt(len(frequencies)))


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
    attention: Any, head: int, size: int, reads: torch.Tensor, writes: torch.Tensor, before: int, windows: int
) -> None:
    """Query and key of a head that finds tokens with the same token before them and the like in their window.

    Half of its dimensions compare the token here with the token before there, half the windows of both.
    """
    width, half = attention.embed_dim, size // 2
    one, many = head % before, before + head % windows
    some = slice(0, half) if head % 2 else slice(half, size)
    # lengths after the norm, by the shares that `look_for_the_like` makes: a token sqrt(width) / 2
    of_token = (width / 4) * half / (width - size)
    token_before = math.sqrt(of_token * (width / 4) / (2 * before))
    window = (width / 4) / (2 * windows)
    same, like = (math.sqrt(peak * math.sqrt(size) / each) for peak, each in ((SAME_BEFORE, token_before), (SAME_WINDOW, window)))  # fmt: skip
    query = torch.cat((same * reads[one][some], like * writes[many][some]))
    key = torch.cat((same * writes[one][some], like * writes[many][some]))
    _set(attention, 0, head, size, query)
    _set(attention, 1, head, size, key)


def _carry(attention: Any, head: int, size: int, reads: torch.Tensor, writes: torch.Tensor, gain: float) -> None:
    """Value and output of a head: what it reads of a token, (size, width), goes where it writes."""
    _set(attention, 2, head, size, reads)
    attention.c_proj.weight[head * size : (head + 1) * size] = gain * writes


def _set(attention: Any, part: int, head: int, size: int, rows: torch.Tensor) -> None:
    """Query (0), key (1) or value (2) of a head, (size, width); GPT-2 keeps them transposed and side by side."""
    start = part * attention.embed_dim + head * size
    attention.c_attn.weight[:, start : start + size] = rows.T
