"""The denoiser network: diffusers' conditional U-Net (Rombach et al., 2022, §3.3) in sizes that a laptop can train."""

from __future__ import annotations

from typing import Any, NamedTuple

from diffusers import UNet2DConditionModel

HEAD_WIDTH, GROUP_WIDTH = 32, 8  # channels per attention head, and per group of the group norms


class UNetSize(NamedTuple):
    """Channels per level, residual blocks per level, and the width and layers of the text encoder trained with it."""

    channels: tuple[int, ...]
    blocks: int
    text_width: int
    text_layers: int


UNET_SIZES = {
    "tiny": UNetSize((32, 64), 1, 32, 1),
    "small": UNetSize((64, 128), 1, 128, 2),
    "medium": UNetSize((96, 192), 1, 128, 2),
    "large": UNetSize((128, 256, 256), 2, 256, 4),
}


def make_unet(size: UNetSize, latent_channels: int, latent_size: int, text_width: int) -> UNet2DConditionModel:
    """A U-Net with random weights and cross-attention to the text at every level.

    Args:
        latent_channels: Channels of the latents.
        latent_size: Height and width of the latents, for the config; other sizes work too.
        text_width: Width of the text encoder's hidden states.
    """
    levels = len(size.channels)
    # diffusers' annotation says a tuple of one; its name for the number of heads is attention_head_dim
    heads: Any = tuple(width // HEAD_WIDTH for width in size.channels)
    return UNet2DConditionModel(
        sample_size=latent_size,
        in_channels=latent_channels,
        out_channels=latent_channels,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        block_out_channels=size.channels,
        layers_per_block=size.blocks,
        attention_head_dim=heads,
        cross_attention_dim=text_width,
        norm_num_groups=size.channels[0] // GROUP_WIDTH,
    )


def downsample_factor(unet: UNet2DConditionModel) -> int:
    """The number that a latent's height and width must be multiples of: 2 per level after the first."""
    return 2 ** (len(unet.config["block_out_channels"]) - 1)
