"""The latent space: a small `AutoencoderKL`, or an `AutoencoderTiny` that passes pixels through unchanged."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from torch import Tensor

PIXEL_SCALE = 100.0  # see `make_pixel_autoencoder`


class AutoencoderSize(NamedTuple):
    """Channels per level, each level after the first at half the resolution, and residual blocks per level."""

    channels: tuple[int, ...]
    blocks: int


AUTOENCODER_SIZES = {  # (size, downsampling factor) -> levels
    ("small", 2): AutoencoderSize((16, 32), 1),
    ("small", 4): AutoencoderSize((16, 32, 64), 1),
    ("small", 8): AutoencoderSize((16, 32, 64, 128), 1),
    ("medium", 2): AutoencoderSize((32, 64), 1),
    ("medium", 4): AutoencoderSize((32, 64, 96), 1),
    ("medium", 8): AutoencoderSize((32, 64, 96, 128), 1),
    ("large", 2): AutoencoderSize((128, 256), 2),
    ("large", 4): AutoencoderSize((128, 256, 512), 2),
    ("large", 8): AutoencoderSize((128, 256, 512, 512), 2),
}


def make_autoencoder(size: AutoencoderSize, channels: int, latent_channels: int, image_size: int) -> AutoencoderKL:
    """A variational autoencoder (Kingma & Welling, 2014; Rombach et al., 2022, §3.1) with random weights."""
    levels = len(size.channels)
    blocks: dict[str, Any] = {  # diffusers' annotations say tuples of one
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": size.channels,
    }
    return AutoencoderKL(
        **blocks,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=size.blocks,
        latent_channels=latent_channels,
        norm_num_groups=size.channels[0] // 8,
        mid_block_add_attention=False,
        sample_size=image_size,
        force_upcast=False,
    )


def make_pixel_autoencoder(channels: int) -> AutoencoderTiny:
    """An identity autoencoder for diffusion on pixels, in a class that every stock pipeline accepts.

    Its convolutions copy. The decoder of `AutoencoderTiny` applies 3 tanh(x / 3) to its input, so the encoder writes
    pixels 100 times smaller, where that is the identity to 4e-6, and `scaling_factor` restores the scale for the
    denoiser.
    """
    model = AutoencoderTiny(
        in_channels=channels,
        out_channels=channels,
        latent_channels=channels,
        encoder_block_out_channels=(channels,),
        decoder_block_out_channels=(channels,),
        num_encoder_blocks=(0,),
        num_decoder_blocks=(0,),
        scaling_factor=PIXEL_SCALE,
    )
    first, second = (layer for layer in model.encoder.modules() if isinstance(layer, torch.nn.Conv2d))
    _make_identity(first, 2.0, -1.0)  # the encoder's input is in [0, 1]
    _make_identity(second, 1 / PIXEL_SCALE, 0.0)
    first, second = (layer for layer in model.decoder.modules() if isinstance(layer, torch.nn.Conv2d))
    _make_identity(first, PIXEL_SCALE / 2, 0.5)  # the decoder's output is in [0, 1], and it clips below 0
    _make_identity(second, 1.0, 0.0)
    return model.requires_grad_(False)


def _make_identity(layer: torch.nn.Conv2d, scale: float, shift: float) -> None:
    """Set a 3 x 3 convolution to x -> scale x + shift in each channel."""
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(layer.out_channels):
            layer.weight[channel, channel, 1, 1] = scale
        if layer.bias is not None:
            layer.bias.fill_(shift)


def downsample_factor(vae: Any) -> int:
    """Pixels per latent along each side."""
    return 2 ** (len(vae.config["block_out_channels"]) - 1)


def encode_images(vae: Any, images: Tensor) -> Tensor:
    """Latents as the denoiser sees them: the posterior's mean, scaled to about unit variance.

    Args:
        images: (batch, channels, height, width) in [-1, 1].
    """
    encoding = vae.encode(images)  # AutoencoderTiny has no posterior
    mean = encoding.latents if isinstance(vae, AutoencoderTiny) else encoding.latent_dist.mode()
    return (mean - (vae.config.get("shift_factor") or 0.0)) * vae.config["scaling_factor"]


def decode_latents(vae: Any, latents: Tensor) -> Tensor:
    """Decode latents to images, (batch, channels, height, width) in [-1, 1]."""
    return vae.decode(latents / vae.config["scaling_factor"] + (vae.config.get("shift_factor") or 0.0)).sample
