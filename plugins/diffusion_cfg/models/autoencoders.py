"""The latent space: a small `AutoencoderKL`, or an `AutoencoderTiny` that passes pixels through unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, AutoencoderTiny
    from torch import Tensor

INVERSE_SQUASH = 100.0  # see `make_pixel_autoencoder`


class Depth(NamedTuple):
    """Channels of each level; every level after the first halves the picture."""

    channels: tuple[int, ...]
    blocks: int


AUTOENCODERS = {
    ("small", 2): Depth((16, 32), 1),
    ("small", 4): Depth((16, 32, 64), 1),
    ("small", 8): Depth((16, 32, 64, 128), 1),
    ("medium", 2): Depth((32, 64), 1),
    ("medium", 4): Depth((32, 64, 96), 1),
    ("medium", 8): Depth((32, 64, 96, 128), 1),
    ("large", 2): Depth((128, 256), 2),
    ("large", 4): Depth((128, 256, 512), 2),
    ("large", 8): Depth((128, 256, 512, 512), 2),
}


def make_autoencoder(depth: Depth, channels: int, latent_channels: int, size: int) -> AutoencoderKL:
    """A variational autoencoder (Kingma & Welling, 2014; Rombach et al., 2022, §3.1) with random weights."""
    from diffusers import AutoencoderKL

    levels = len(depth.channels)
    blocks: dict[str, Any] = {  # diffusers' annotations say tuples of one
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": depth.channels,
    }
    return AutoencoderKL(
        **blocks,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=depth.blocks,
        latent_channels=latent_channels,
        norm_num_groups=depth.channels[0] // 8,
        mid_block_add_attention=False,
        sample_size=size,
        force_upcast=False,
    )


def make_pixel_autoencoder(channels: int) -> AutoencoderTiny:
    """Pixels as their own latents, in the form that every stock pipeline takes.

    Its convolutions copy. The decoder squashes what it is given by 3 tanh(x / 3), so that the encoder writes pixels 100 times
    smaller, where that is the identity to 4e-6, and `scaling_factor` makes them as large again for the denoiser.
    """
    import torch
    from diffusers import AutoencoderTiny

    model = AutoencoderTiny(
        in_channels=channels,
        out_channels=channels,
        latent_channels=channels,
        encoder_block_out_channels=(channels,),
        decoder_block_out_channels=(channels,),
        num_encoder_blocks=(0,),
        num_decoder_blocks=(0,),
        scaling_factor=INVERSE_SQUASH,
    )
    first, second = (each for each in model.encoder.modules() if isinstance(each, torch.nn.Conv2d))
    _copy(first, 2.0, -1.0)  # the encoder is handed pixels in [0, 1]
    _copy(second, 1 / INVERSE_SQUASH, 0.0)
    first, second = (each for each in model.decoder.modules() if isinstance(each, torch.nn.Conv2d))
    _copy(first, INVERSE_SQUASH / 2, 0.5)  # the decoder gives pixels in [0, 1], and cuts off below 0
    _copy(second, 1.0, 0.0)
    return model.requires_grad_(False)


def _copy(layer: Any, scale: float, shift: float) -> None:
    """Make a 3 x 3 convolution give each channel times `scale`, plus `shift`."""
    import torch

    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(layer.out_channels):
            layer.weight[channel, channel, 1, 1] = scale
        if layer.bias is not None:
            layer.bias.fill_(shift)


def factor(vae: Any) -> int:
    """Pixels a side that become one latent."""
    return 2 ** (len(vae.config["block_out_channels"]) - 1)


def to_latents(vae: Any, pixels: Tensor) -> Tensor:
    """The latents of pictures as the denoiser sees them: the posterior's mean, scaled to about unit variance.

    Args:
        pixels: (batch, channels, height, width) in [-1, 1].
    """
    found = vae.encode(pixels)
    mean = found.latents if hasattr(found, "latents") else found.latent_dist.mode()
    return (mean - (vae.config.get("shift_factor") or 0.0)) * vae.config["scaling_factor"]


def to_pixels(vae: Any, latents: Tensor) -> Tensor:
    """Pictures of such latents, (batch, channels, height, width) in [-1, 1]."""
    return vae.decode(latents / vae.config["scaling_factor"] + (vae.config.get("shift_factor") or 0.0)).sample
