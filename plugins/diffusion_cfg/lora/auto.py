"""What "auto" means for `lora`: adapters of a starter, where no other pipeline is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.diffusion_cfg import auto
from training.preflight.auto import Choice, Choices, steps_for

if TYPE_CHECKING:
    from plugins.diffusion_cfg.data.captioned_images import SplitImages
    from plugins.diffusion_cfg.lora.settings import LoraSettings

BATCH = 4
RATE = 1e-4  # ten times that of all weights, 2e-3, began to overfit the emoji within 300 steps
PASSES, FEWEST, MOST = 50, 200, 500


def start(data: SplitImages, settings: LoraSettings) -> Choice:
    """A starter: adapters need a pipeline to adapt."""
    return auto.colour_starter(settings)


def choose(data: SplitImages, settings: LoraSettings, parameters: int) -> Choices:
    """By the number of images."""
    batch = settings.batch_size or BATCH
    return {
        "batch_size": Choice(BATCH, "few images"),
        "learning_rate": Choice(RATE, "adapters of a diffusion model"),
        "steps": steps_for(len(data.train), batch, PASSES, FEWEST, auto.most(MOST), "image"),
    }
