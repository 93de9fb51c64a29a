"""The network of `autoencoder` as `training plan` traces it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import diffusers
import torch

from plugins.diffusion_cfg import plan
from plugins.diffusion_cfg.autoencoder.loss import kl_divergence, reconstruction_loss
from plugins.diffusion_cfg.autoencoder.task import ReconstructionModel
from plugins.diffusion_cfg.models.autoencoders import AUTOENCODER_SIZES, make_autoencoder
from plugins.diffusion_cfg.settings import DEFAULT_IMAGE_SIZE
from training.fit.trace import Sketch

if TYPE_CHECKING:
    from plugins.diffusion_cfg.autoencoder.settings import AutoencoderSettings


def network(settings: AutoencoderSettings) -> Sketch:
    """Images of the settings' size."""
    size = settings.image_size or DEFAULT_IMAGE_SIZE
    if settings.model:
        folder = Path(settings.model)
        inside = (folder / "vae").is_dir()
        config: Any = None if inside else diffusers.AutoencoderKL.load_config(folder)
        vae: Any = plan.component(folder, "vae") if inside else diffusers.AutoencoderKL.from_config(config)
        size = settings.image_size or vae.config["sample_size"]
    else:
        levels = AUTOENCODER_SIZES[settings.size, int(settings.downsample_factor)]
        vae = make_autoencoder(levels, settings.image_channels, settings.latent_channels, size)
    model = ReconstructionModel(vae)

    def loss(rows: int) -> torch.Tensor:
        images = torch.zeros(rows, vae.config["in_channels"], size, size)
        reconstructions, mean, log_variance = model(images)
        distance = reconstruction_loss(reconstructions, images, settings.gradient_loss_weight)
        return (distance + settings.kl_weight * kl_divergence(mean, log_variance)).mean()

    return Sketch(model, loss, 1)
