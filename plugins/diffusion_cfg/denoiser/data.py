"""Images with captions to train a denoiser or its adapters on."""

from __future__ import annotations

from plugins.diffusion_cfg.data.captioned_images import SplitImages, read_split
from plugins.diffusion_cfg.settings import DiffusionSettings


def read(settings: DiffusionSettings) -> SplitImages:
    """Read and split the images; those without a caption are left out.

    Raises:
        UserError: If they cannot be read, or there are no captions.
    """
    return read_split(settings, settings.caption_column)
