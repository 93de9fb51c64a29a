"""The denoiser: diffusers' conditional U-Net (Rombach et al., 2022, §3.3) in sizes that a laptop trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel


class Size(NamedTuple):
    """Channels of each level, residual blocks a level, width and layers of the text encoder that goes with it."""

    channels: tuple[int, ...]
    blocks: int
    text_width: int
    text_layers: int


SIZES = {
    "tiny": Size((32, 64), 1, 32, 1),
    "small": Size((64, 128), 1, 128, 2),
    "medium": Size((96, 192), 1, 128, 2),
    "large": Size((128, 256, 256), 2, 256, 4),
}
HEAD_WIDTH, GROUP_WIDTH = 32, 8


def make_unet(size: Size, latent_channels: int, latent_size: int, text_width: int) -> UNet2DConditionModel:
    """A U-Net with cross-attention to the text at every level.

    Args:
        latent_channels: Of what it denoises.
        latent_size: Height and width of that, for the config; other sizes work too.
        text_width: Width of the text encoder's hidden states.
    """
    from diffusers import UNet2DConditionModel

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


def shrinks(unet: UNet2DConditionModel) -> int:
    """By what a latent's sides must divide: 2 a level after the first."""
    return 2 ** (len(unet.config["block_out_channels"]) - 1)
