"""A loaded autoencoder: the latent space that a denoiser is trained in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plugins._endpoints import Endpoints
from plugins.diffusion_cfg.models.pipeline_io import read_autoencoder

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


class AutoencoderPredictor(Endpoints):
    """An autoencoder without a denoiser. It has no endpoints: the setting `autoencoder` of a denoiser takes its
    weights.

    Args:
        vae: An `AutoencoderKL` or `AutoencoderTiny`.
    """

    def __init__(self, vae: AutoencoderKL):
        self.vae = vae


def load(folder: Path) -> AutoencoderPredictor:
    """Load an autoencoder.

    Raises:
        UserError: If it is none, or cannot be read.
    """
    return AutoencoderPredictor(read_autoencoder(folder))
