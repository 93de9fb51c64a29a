"""The network of `denoiser` as `training plan` traces it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import CLIPTextConfig, CLIPTextModel

from plugins.diffusion_cfg import plan
from plugins.diffusion_cfg.denoiser.task import was_trained_jointly
from plugins.diffusion_cfg.models import autoencoders
from plugins.diffusion_cfg.models.text_encoder import new_config
from plugins.diffusion_cfg.models.unet import UNET_SIZES, make_unet
from plugins.diffusion_cfg.settings import DEFAULT_IMAGE_SIZE

if TYPE_CHECKING:
    from plugins.diffusion_cfg.denoiser.settings import DenoiserSettings
    from training.fit.trace import Sketch


def network(settings: DenoiserSettings) -> Sketch:
    """Latents of the settings' size; the text encoder too, unless it is frozen."""
    if settings.model:
        folder = Path(settings.model)
        unet, encoder = (plan.component(folder, name) for name in ("unet", "text_encoder"))
        return plan.sketch(settings, unet, encoder, was_trained_jointly(folder), plan.pipeline_factor(folder))
    size, factor, channels = UNET_SIZES[settings.size], 1, settings.image_channels
    if settings.autoencoder:
        vae = _autoencoder(Path(settings.autoencoder))
        factor, channels = autoencoders.downsample_factor(vae), vae.config["latent_channels"]
    encoder = _text_encoder(settings)
    latent = (settings.image_size or DEFAULT_IMAGE_SIZE) // factor
    unet = make_unet(size, channels, latent, encoder.config.hidden_size)
    return plan.sketch(settings, unet, encoder, not settings.text_encoder, factor)


def _autoencoder(folder: Path) -> Any:
    import diffusers

    if (folder / "vae").is_dir():
        return plan.component(folder, "vae")
    config: Any = diffusers.AutoencoderKL.load_config(folder)
    return diffusers.AutoencoderKL.from_config(config)


def _text_encoder(settings: DenoiserSettings) -> Any:
    if settings.text_encoder:
        folder = Path(settings.text_encoder)
        inside = folder / "text_encoder"
        return CLIPTextModel(CLIPTextConfig.from_pretrained(inside if inside.is_dir() else folder))
    size = UNET_SIZES[settings.size]
    return CLIPTextModel(new_config(settings.vocabulary_size, settings.max_length, size.text_width, size.text_layers))
