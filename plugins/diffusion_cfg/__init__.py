"""Latent diffusion with classifier-free guidance (Ho & Salimans, 2022; Rombach et al., 2022): images from captions."""

from plugins._contract import IMAGES, Kind, Plugin
from plugins.diffusion_cfg import cards, samples, starter, suggestions
from plugins.diffusion_cfg.autoencoder.settings import AutoencoderSettings
from plugins.diffusion_cfg.denoiser.endpoints import TextToImage
from plugins.diffusion_cfg.denoiser.settings import DenoiserSettings
from plugins.diffusion_cfg.lora.settings import LoraSettings

PLUGIN = Plugin(
    name="diffusion_cfg",
    title="Diffusion",
    summary="Generate images from text by latent diffusion, watch every sampling step, and train your own model on "
    "captioned images.",
    kinds=(
        Kind(
            "denoiser",
            "Text to image",
            module="plugins.diffusion_cfg.denoiser",
            settings=DenoiserSettings,
            endpoints=TextToImage,
            architectures=(
                "StableDiffusionPipeline",
                "StableDiffusionImg2ImgPipeline",
                "LatentConsistencyModelPipeline",
                "LatentConsistencyModelImg2ImgPipeline",
            ),
            starters=starter.FOLDERS,
            card=cards.DENOISER,
            samples=samples.DENOISER,
            suggestions=suggestions.DENOISER,
            feeds=("lora.model",),
        ),
        Kind(
            "autoencoder",
            "Autoencoder",
            module="plugins.diffusion_cfg.autoencoder",
            settings=AutoencoderSettings,
            architectures=("AutoencoderKL", "AutoencoderTiny"),
            card=cards.AUTOENCODER,
            samples=samples.AUTOENCODER,
            takes=(IMAGES,),
            feeds=("denoiser.autoencoder",),
        ),
        Kind(
            "lora",
            "LoRA adapters for Stable Diffusion",
            module="plugins.diffusion_cfg.lora",
            settings=LoraSettings,
            endpoints=TextToImage,
            card=cards.LORA,
            samples=samples.LORA,
        ),
    ),
    tab="plugins.diffusion_cfg.ui.tab:render",
)
