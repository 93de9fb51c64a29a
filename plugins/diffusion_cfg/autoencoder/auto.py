"""What "auto" means for `autoencoder`: new weights, and steps by the number of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.diffusion_cfg import auto
from training.preflight.auto import Choice, Choices, steps_for

if TYPE_CHECKING:
    from plugins.diffusion_cfg.autoencoder.settings import AutoencoderSettings
    from plugins.diffusion_cfg.data.captioned_images import SplitImages

BATCH, RATE, CONTINUED_RATE = 16, 1e-3, 3e-4
PASSES, FEWEST, MOST = 15, 500, 3000


def start(data: SplitImages, settings: AutoencoderSettings) -> Choice:
    """New weights."""
    return Choice("", "no starter has the latents that are asked for")


def choose(data: SplitImages, settings: AutoencoderSettings, parameters: int) -> Choices:
    """By what training starts from, and by the number of images."""
    rate = Choice(CONTINUED_RATE, "trained weights") if parameters else Choice(RATE, "new weights")
    batch = settings.batch_size or BATCH
    return {
        "batch_size": Choice(BATCH, "small images"),
        "learning_rate": rate,
        "steps": steps_for(len(data.train), batch, PASSES, FEWEST, auto.most(MOST), "image"),
    }
