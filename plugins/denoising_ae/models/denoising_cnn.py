"""Convolutional denoisers: a residual network at a single scale (as DnCNN and FFDNet) and a residual U-Net (as DRUNet).

Both predict the noise, which is subtracted: the residual learning of Zhang et al., 2017 (DnCNN, eq. 1). Both
pixel-unshuffle the input first (FFDNet, Zhang et al., 2018, §III-B): a quarter of the positions for the same receptive
field, and a quarter of the time.
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
class DenoisingCNNConfig:
    """Sizes of the network, JSON-ready.

    Args:
        variant: "unet" or "resnet" (a single scale).
        channels: 1 for grey, 3 for colour.
        width: Channels of the first stage; each further one of a U-Net has twice as many.
        depth: Convolutions of a ResNet; stages of a U-Net.
        blocks: Residual blocks per stage and side of a U-Net.
        downsample_factor: Pixel-unshuffle factor at the input: 1, 2 or 4.
        noise_conditioned: Whether the noise level is an input beside the image.
    """

    variant: Literal["unet", "resnet"] = "unet"
    channels: int = 1
    width: int = 48
    depth: int = 3
    blocks: int = 1
    downsample_factor: int = 2
    noise_conditioned: bool = True

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def stride(self) -> int:
        """The network computes on sides that are multiples of this."""
        return self.downsample_factor * (2 ** (self.depth - 1) if self.variant == "unet" else 1)

    @property
    def receptive_radius(self) -> int:
        """Radius of the receptive field: pixels on each side that can change an output pixel."""
        if self.variant == "resnet":
            radius = 2 * max(1, (self.depth - 2) // 2) + 2
        else:
            # Two convolutions per block, on the way down and up, each reaching 2**stage positions at that stage;
            # the first and last convolution; and the strided convolutions.
            radius = sum(4 * self.blocks * 2**stage for stage in range(self.depth)) + 2 + 2 ** (self.depth - 1) - 1
        return self.downsample_factor * radius + self.downsample_factor - 1


class DenoisingCNN(nn.Module):
    """Noisy image and noise level -> clean image."""

    def __init__(self, config: DenoisingCNNConfig):
        super().__init__()
        self.config = config
        unshuffled = config.channels * config.downsample_factor**2
        inputs = unshuffled + (2 if config.noise_conditioned else 0)
        self.body = (UNet if config.variant == "unet" else ResNet)(inputs, unshuffled, config)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] - up to twice as fast on a CPU

    def forward(self, noisy: Tensor, level: Tensor | None = None) -> Tensor:
        """Denoise images.

        Args:
            noisy: Images in about [0, 1], (batch, channels, height, width), of any size.
            level: Standard deviation of the noise in units of 1/255, (batch,); NaN (or None for all) if unknown.

        Returns:
            The same shape, not clipped.
        """
        height, width = noisy.shape[-2:]
        noise = self.body(self._inputs(noisy, level))
        return noisy - functional.pixel_shuffle(noise, self.config.downsample_factor)[..., :height, :width]

    def features(self, noisy: Tensor, level: Tensor | None = None) -> Tensor:
        """The innermost feature maps, (batch, features, height, width) at a coarser resolution."""
        return self.body.bottleneck(self._inputs(noisy, level))

    def _inputs(self, noisy: Tensor, level: Tensor | None) -> Tensor:
        padded = pad_to_multiple(noisy, self.config.stride)
        planes = functional.pixel_unshuffle(padded, self.config.downsample_factor)
        if self.config.noise_conditioned:
            planes = torch.cat([planes, level_planes(planes, level)], 1)
        return planes.contiguous(memory_format=torch.channels_last)


def level_planes(like: Tensor, level: Tensor | None) -> Tensor:
    """The level as two constant planes, value and whether it is known, (batch, 2, height, width); both 0 if blind."""
    batch, _, height, width = like.shape
    if level is None:
        return like.new_zeros(batch, 2, height, width)
    known = torch.isfinite(level)
    values = torch.stack([level.nan_to_num(0.0) / LEVEL_SCALE, known.to(like.dtype)], 1)  # (batch, 2)
    return values[:, :, None, None].expand(-1, -1, height, width).to(like.dtype)


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Mirror the right and lower edge until both sides are multiples; single rows and columns are repeated."""
    below, right = -images.shape[-2] % multiple, -images.shape[-1] % multiple
    while below or right:  # a reflection has one pixel less than the side: small images need several
        down, across = min(below, images.shape[-2] - 1), min(right, images.shape[-1] - 1)
        if max(down, across) <= 0:
            return functional.pad(images, (0, right, 0, below), mode="replicate")
        down, across = max(0, down), max(0, across)
        images = functional.pad(images, (0, across, 0, down), mode="reflect")
        below, right = below - down, right - across
    return images


class ResNet(nn.Module):
    """Residual blocks at a single scale, without normalisation (as EDSR, Lim et al., 2017).

    The blocks' small initial scale makes normalisation unnecessary.
    """

    def __init__(self, inputs: int, outputs: int, config: DenoisingCNNConfig):
        super().__init__()
        self.enter = nn.Conv2d(inputs, config.width, 3, padding=1)
        self.inner = nn.ModuleList(ResidualBlock(config.width) for _ in range(max(1, (config.depth - 2) // 2)))
        self.leave = zero_initialised(nn.Conv2d(config.width, outputs, 3, padding=1))

    def forward(self, planes: Tensor) -> Tensor:
        return self.leave(functional.relu(self.bottleneck(planes)))

    def bottleneck(self, planes: Tensor) -> Tensor:
        """The features before the last convolution."""
        hidden = self.enter(planes)
        for block in self.inner:
            hidden = block(hidden)
        return hidden


class UNet(nn.Module):
    """Residual blocks at several scales, strided convolutions between them, skips added (as DRUNet)."""

    def __init__(self, inputs: int, outputs: int, config: DenoisingCNNConfig):
        super().__init__()
        widths = [config.width * 2**stage for stage in range(config.depth)]
        steps = list(pairwise(widths))
        self.enter = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Sequential(*residual_blocks(a, config), nn.Conv2d(a, b, 2, stride=2)) for a, b in steps
        )
        self.bottom = nn.Sequential(*residual_blocks(widths[-1], config), *residual_blocks(widths[-1], config))
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(b, a, 2, stride=2), *residual_blocks(a, config))
            for a, b in reversed(steps)
        )
        self.leave = zero_initialised(nn.Conv2d(widths[0], outputs, 3, padding=1))

    def forward(self, planes: Tensor) -> Tensor:
        skips = self._encode(planes)
        hidden = self.bottom(skips[-1])
        for stage in self.up:
            hidden = stage(hidden + skips.pop())
        return self.leave(hidden + skips.pop())

    def bottleneck(self, planes: Tensor) -> Tensor:
        """The features of the coarsest stage."""
        return self.bottom(self._encode(planes)[-1])

    def _encode(self, planes: Tensor) -> list[Tensor]:
        """The input of each stage, the finest first."""
        inputs = [self.enter(planes)]
        for stage in self.down:
            inputs.append(stage(inputs[-1]))
        return inputs


class ResidualBlock(nn.Module):
    """x + W2 relu(W1 relu(x)), W2 initialised small, so that a deep network starts out as a shallow one."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.second(functional.relu(self.first(hidden)))


def residual_blocks(width: int, config: DenoisingCNNConfig) -> list[ResidualBlock]:
    """The blocks of one stage and side."""
    return [ResidualBlock(width) for _ in range(config.blocks)]


def zero_initialised(layer: nn.Conv2d) -> nn.Conv2d:
    """Zero weights and bias: an untrained network returns its input."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
