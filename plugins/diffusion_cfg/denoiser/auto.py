"""What "auto" means for `denoiser`: going on with a starter unless the settings describe another network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.diffusion_cfg import auto
from training import machine
from training.preflight.auto import Choice, Choices, changed_fields, fine_tuning_rate, steps_for

if TYPE_CHECKING:
    from plugins.diffusion_cfg.data.captioned_images import SplitImages
    from plugins.diffusion_cfg.denoiser.settings import DenoiserSettings

NEW_NETWORK = (
    "autoencoder", "text_encoder", "size", "prediction_type", "noise_schedule", "zero_terminal_snr",
    "vocabulary_size", "max_length", "image_size",
)  # fmt: skip
BATCH, SCRATCH_RATE = 64, 5e-4
PASSES, FEWEST, MOST = 20, 300, 1000
QUICK = 40  # steps of a starter take two processor cores about a minute
SCRATCH_PASSES, FEWEST_SCRATCH, MOST_SCRATCH = 80, 1000, 4000


def start(data: SplitImages, settings: DenoiserSettings) -> Choice:
    """A starter, whose autoencoder makes each step many times as fast as one on pixels."""
    if given := changed_fields(settings, NEW_NETWORK):
        return Choice("", f"{' and '.join(given)} {'describes' if len(given) == 1 else 'describe'} a new network")
    return auto.colour_starter(settings)


def choose(data: SplitImages, settings: DenoiserSettings, parameters: int) -> Choices:
    """By what training starts from, and by the number of images."""
    bounds = (PASSES, FEWEST, MOST) if parameters else (SCRATCH_PASSES, FEWEST_SCRATCH, MOST_SCRATCH)
    passes, fewest, most = bounds
    rate = fine_tuning_rate(parameters) if parameters else Choice(SCRATCH_RATE, "new weights")
    quick = QUICK if parameters and not machine.gpus() else 0
    why, batch = f"from {'trained' if parameters else 'new'} weights", settings.batch_size or BATCH
    return {
        "batch_size": Choice(BATCH, "small images"),
        "learning_rate": rate,
        "steps": steps_for(len(data.train), batch, passes, fewest, auto.most(most), "image", why, quick),
    }
