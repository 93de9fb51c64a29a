"""Latent diffusion with classifier-free guidance (Ho & Salimans, 2022; Rombach et al., 2022): text in, pictures out of noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Plugin, Trainer
from plugins.diffusion_cfg import cards, endpoints, starter
from plugins.diffusion_cfg.settings import AutoencoderSettings, DenoiserSettings, LoraSettings
from training.preflight.sheet import Sheet
from training.task import Task


def check_autoencoder(settings: AutoencoderSettings) -> Sheet:
    """Read the pictures and report on them."""
    from plugins.diffusion_cfg.data.captioned_images import check

    return check(settings, captions=False)


def build_autoencoder(settings: AutoencoderSettings) -> Task:
    """The task of `autoencoder`."""
    from plugins.diffusion_cfg.autoencoder.task import build

    return build(settings)


def check_captioned(settings: DenoiserSettings | LoraSettings) -> Sheet:
    """Read pictures and captions and report on them."""
    from plugins.diffusion_cfg.data.captioned_images import check

    return check(settings, captions=True)


def build_denoiser(settings: DenoiserSettings) -> Task:
    """The task of `denoiser`."""
    from plugins.diffusion_cfg.denoiser.task import build

    return build(settings)


def build_lora(settings: LoraSettings) -> Task:
    """The task of `lora`."""
    from plugins.diffusion_cfg.lora.task import build

    return build(settings)


def load(folder: Path) -> Any:
    """A pipeline as a `Diffuser`, an autoencoder as a `LatentSpace`."""
    from plugins.diffusion_cfg.recognise import load_as_made

    return load_as_made(folder)


def tab(workbench: Any) -> None:
    """Draw "Generate" and "Look inside"."""
    from plugins.diffusion_cfg.ui.tab import draw

    draw(workbench)


PLUGIN = Plugin(
    name="diffusion_cfg",
    title="Diffusion",
    summary="See a picture come out of noise and steer it with words: draw, watch every step, and train your own text-to-image model.",
    trainers=(
        Trainer(
            "denoiser",
            "Learn to draw captions",
            DenoiserSettings,
            build_denoiser,
            check_captioned,
            preload=("plugins.diffusion_cfg.denoiser.task",),
            card=cards.DENOISER,
        ),
        Trainer(
            "autoencoder",
            "Learn a latent space",
            AutoencoderSettings,
            build_autoencoder,
            check_autoencoder,
            preload=("plugins.diffusion_cfg.autoencoder.task",),
            card=cards.AUTOENCODER,
        ),
        Trainer(
            "lora",
            "Adapt Stable Diffusion (LoRA)",
            LoraSettings,
            build_lora,
            check_captioned,
            preload=("plugins.diffusion_cfg.lora.task",),
            card=cards.LORA,
        ),
    ),
    load=load,
    endpoints=(endpoints.generate, endpoints.vary, endpoints.forward, endpoints.reverse, endpoints.guidance),
    card=cards.DENOISER,
    architectures=(
        "StableDiffusionPipeline",
        "StableDiffusionImg2ImgPipeline",
        "LatentConsistencyModelPipeline",
        "LatentConsistencyModelImg2ImgPipeline",
        "AutoencoderKL",
        "AutoencoderTiny",
    ),
    starters=starter.FOLDERS,
    tab=tab,
)
