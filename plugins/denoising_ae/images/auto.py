"""What "auto" means for `images`: going on with the starter where its network is the one that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.preflight.auto import Choice, Choices, changed_fields, fine_tuning_rate, precision, steps_for

if TYPE_CHECKING:
    from plugins.denoising_ae.images.data import DenoisingImages
    from plugins.denoising_ae.images.settings import ImagesSettings

STARTER = "natural"
NEW_NETWORK = ("network", "size", "channels", "downsample_factor", "noise_conditioning_probability")
BATCH, SCRATCH_RATE = 16, 1e-3
PASSES, FEWEST, MOST = 20, 200, 500
SCRATCH_PASSES, FEWEST_SCRATCH, MOST_SCRATCH = 80, 1000, 2000


def start(data: DenoisingImages, settings: ImagesSettings) -> Choice:
    """The starter, unless the settings describe another network."""
    if given := changed_fields(settings, NEW_NETWORK):
        return Choice("", f"{' and '.join(given)} {'describes' if len(given) == 1 else 'describe'} a new network")
    if settings.noise != "gaussian" or settings.supervision != "clean":
        return Choice("", "the starter knows Gaussian noise on clean images only")
    return Choice(STARTER, "it removes noise from photographs already")


def choose(data: DenoisingImages, settings: ImagesSettings, parameters: int) -> Choices:
    """By what training starts from, and by the number of images.

    bf16 whatever the number of weights: even 0.2 million of a convolution are used at every pixel, and a step takes 0.5
    to 0.6 times the time of fp32 (docs/experiments/denoising_ae.md#a-training-step-in-bf16).
    """
    bounds = (PASSES, FEWEST, MOST) if parameters else (SCRATCH_PASSES, FEWEST_SCRATCH, MOST_SCRATCH)
    rate = fine_tuning_rate(parameters) if parameters else Choice(SCRATCH_RATE, "new weights")
    why = f"from {'trained' if parameters else 'new'} weights"
    return {
        "batch_size": Choice(BATCH, f"crops of {settings.patch_size} pixels"),
        "learning_rate": rate,
        "steps": steps_for(len(data.train), settings.batch_size or BATCH, *bounds, "image", why),
        "precision": precision(settings),
    }
