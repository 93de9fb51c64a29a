"""Images to train the autoencoder on, without captions."""

from __future__ import annotations

from plugins.diffusion_cfg.autoencoder.settings import AutoencoderSettings
from plugins.diffusion_cfg.data.captioned_images import SplitImages, read_split


def read(settings: AutoencoderSettings) -> SplitImages:
    """Read and split the images.

    Raises:
        UserError: If they cannot be read.
    """
    return read_split(settings)
