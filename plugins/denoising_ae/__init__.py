"""Denoising autoencoders (LeCun, 1987; Vincent et al., 2008): noise in, clean out, for pictures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Plugin, Trainer
from plugins.denoising_ae import cards, endpoints
from plugins.denoising_ae.settings import ImagesSettings
from training.preflight import Sheet
from training.task import Task


def check_images(settings: ImagesSettings) -> Sheet:
    """Read the pictures and report on them."""
    from plugins.denoising_ae.images.pictures import check

    return check(settings)


def build_images(settings: ImagesSettings) -> Task:
    """The task of `images`."""
    from plugins.denoising_ae.images.task import build

    return build(settings)


def load(folder: Path) -> Any:
    """An artifact as a `Cleaner` of pictures."""
    from plugins.denoising_ae.cleaner import Cleaner

    return Cleaner.load(folder)


def tab(workbench: Any) -> None:
    """Draw "Try" and "Look inside"."""
    from plugins.denoising_ae.tab import draw

    draw(workbench)


STARTER = Path(__file__).parent / "starter" / "natural"
PLUGIN = Plugin(
    name="denoising_ae",
    title="Denoising",
    summary="Noise in, clean out: networks that learn what matters by taking the noise out of pictures and tables.",
    trainers=(
        Trainer(
            "images",
            "Denoise pictures",
            ImagesSettings,
            build_images,
            check_images,
            preload=("plugins.denoising_ae.images.task", "PIL.Image"),
            card=cards.IMAGES,
        ),
    ),
    load=load,
    endpoints=(endpoints.denoise, endpoints.encode),
    tools=(endpoints.corrupt,),
    card=cards.IMAGES,
    architectures=("Denoiser",),
    starters={"natural": STARTER} if (STARTER / "config.json").is_file() else {},
    tab=tab,
)
