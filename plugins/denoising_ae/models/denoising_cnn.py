"""Two networks that take noise away: a plain stack of convolutions (DnCNN, FFDNet) and a residual U-Net (DRUNet).

Both predict the noise, which is subtracted: the residual learning of Zhang et al., 2017 (DnCNN, eq. 1). Both fold pixels into channels
first (FFDNet, Zhang et al., 2018, §III-B): a quarter of the places for the same field of view, and a quarter of the time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVEL_SCALE = 50.0  # a level of 50 (of 255) enters as 1


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of the network, JSON-ready.

    Args:
        kind: "unet" or "residual" (a plain stack).
        channels: 1 for grey, 3 for colour.
        width: Channels of the first stage; each further one of a U-Net has twice as many.
        depth: Convolutions of the stack; stages of a U-Net.
        blocks: Residual blocks a stage and side of a U-Net.
        fold: Pixels a side that are folded into channels: 1, 2 or 4.
        level_input: Whether the noise level enters beside the picture.
    """

    kind: Literal["unet", "residual"] = "unet"
    channels: int = 1
    width: int = 48
    depth: int = 3
    blocks: int = 1
    fold: int = 2
    level_input: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def multiple(self) -> int:
        """Sides that the network computes in are multiples of this."""
        return self.fold * (2 ** (self.depth - 1) if self.kind == "unet" else 1)

    @property
    def reach(self) -> int:
        """Pixels on each side that can change an output pixel: the radius of the field of view."""
        if self.kind == "residual":
            places = 2 * max(1, (self.depth - 2) // 2) + 2
        else:
            blocks = sum(
                4 * self.blocks * 2**stage for stage in range(self.depth)
            )  # two convolutions a block, each side
            places = 2 + blocks + 2 ** (self.depth - 1) - 1  # and the halvings
        return self.fold * places + self.fold - 1


class Denoiser(nn.Module):
    """Picture and noise level -> the clean picture."""

    def __init__(self, config: DenoiserConfig):
        super().__init__()
        self.config = config
        folded = config.channels * config.fold**2
        inputs = folded + (2 if config.level_input else 0)
        self.body = (UNet if config.kind == "unet" else Stack)(inputs, folded, config)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] - up to twice as quick on a CPU

    def forward(self, noisy: Tensor, level: Tensor | None = None) -> Tensor:
        """Take the noise away.

        Args:
            noisy: Pictures in about [0, 1], (batch, channels, height, width), of any size.
            level: Standard deviation of the noise in units of 1/255, (batch,); NaN, or None for all, where it is not known.

        Returns:
            The same shape, not clipped.
        """
        height, width = noisy.shape[-2:]
        noise = self.body(self._inputs(noisy, level))
        return noisy - functional.pixel_shuffle(noise, self.config.fold)[..., :height, :width]

    def features(self, noisy: Tensor, level: Tensor | None = None) -> Tensor:
        """The innermost stage before the way back up, (batch, features, height, width) of a coarser grid."""
        return self.body.inner_stage(self._inputs(noisy, level))

    def _inputs(self, noisy: Tensor, level: Tensor | None) -> Tensor:
        folded = functional.pixel_unshuffle(pad_to(noisy, self.config.multiple), self.config.fold)
        inputs = folded if not self.config.level_input else torch.cat([folded, level_planes(folded, level)], 1)
        return inputs.contiguous(memory_format=torch.channels_last)


def level_planes(like: Tensor, level: Tensor | None) -> Tensor:
    """The level as two constant planes, value and whether it is known, (batch, 2, height, width); both 0 where it is not (blind)."""
    batch, _, height, width = like.shape
    if level is None:
        return like.new_zeros(batch, 2, height, width)
    known = torch.isfinite(level)
    both = torch.stack([level.nan_to_num(0.0) / LEVEL_SCALE, known.to(like.dtype)], 1)
    return both[:, :, None, None].expand(-1, -1, height, width).to(like.dtype)


def pad_to(pictures: Tensor, multiple: int) -> Tensor:
    """Mirror the right and lower edge until both sides are multiples; single rows and columns are repeated."""
    below, right = -pictures.shape[-2] % multiple, -pictures.shape[-1] % multiple
    while below or right:  # a mirror holds one pixel less than the side
        now = min(below, pictures.shape[-2] - 1), min(right, pictures.shape[-1] - 1)
        if max(now) <= 0:
            return functional.pad(pictures, (0, right, 0, below), mode="replicate")
        pictures = functional.pad(pictures, (0, max(0, now[1]), 0, max(0, now[0])), mode="reflect")
        below, right = below - max(0, now[0]), right - max(0, now[1])
    return pictures


class Stack(nn.Module):
    """Convolutions and ReLUs one after the other, without normalisation: with residual blocks' initial scale none is needed."""

    def __init__(self, inputs: int, outputs: int, config: DenoiserConfig):
        super().__init__()
        self.enter = nn.Conv2d(inputs, config.width, 3, padding=1)
        self.inner = nn.ModuleList(Block(config.width) for _ in range(max(1, (config.depth - 2) // 2)))
        self.leave = zeroed(nn.Conv2d(config.width, outputs, 3, padding=1))

    def forward(self, planes: Tensor) -> Tensor:
        return self.leave(functional.relu(self.inner_stage(planes)))

    def inner_stage(self, planes: Tensor) -> Tensor:
        hidden = self.enter(planes)
        for block in self.inner:
            hidden = block(hidden)
        return hidden


class UNet(nn.Module):
    """Residual blocks at several scales, halved and doubled by strided convolutions, joined by sums (DRUNet, Zhang et al., 2021)."""

    def __init__(self, inputs: int, outputs: int, config: DenoiserConfig):
        super().__init__()
        widths = [config.width * 2**stage for stage in range(config.depth)]
        steps = list(pairwise(widths))
        self.enter = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Sequential(*blocks(a, config), nn.Conv2d(a, b, 2, stride=2)) for a, b in steps)
        self.bottom = nn.Sequential(*blocks(widths[-1], config), *blocks(widths[-1], config))
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(b, a, 2, stride=2), *blocks(a, config)) for a, b in reversed(steps)
        )
        self.leave = zeroed(nn.Conv2d(widths[0], outputs, 3, padding=1))

    def forward(self, planes: Tensor) -> Tensor:
        kept = self._stages(planes)
        hidden = self.bottom(kept[-1])
        for stage in self.up:
            hidden = stage(hidden + kept.pop())
        return self.leave(hidden + kept.pop())

    def inner_stage(self, planes: Tensor) -> Tensor:
        return self.bottom(self._stages(planes)[-1])

    def _stages(self, planes: Tensor) -> list[Tensor]:
        """What enters each stage, the finest first."""
        kept = [self.enter(planes)]
        for stage in self.down:
            kept.append(stage(kept[-1]))
        return kept


class Block(nn.Module):
    """x + W2 relu(W1 relu(x)), W2 begun small, so that a deep stack starts out as a shallow one."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.second(functional.relu(self.first(hidden)))


def blocks(width: int, config: DenoiserConfig) -> list[Block]:
    return [Block(width) for _ in range(config.blocks)]


def zeroed(layer: nn.Conv2d) -> nn.Conv2d:
    """Begun at zero: the network starts out by giving back what it gets."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
