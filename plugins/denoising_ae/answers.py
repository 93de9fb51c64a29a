"""The endpoints' work: files in, files out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins.denoising_ae.compare.autoencoder_pair import AutoencoderPair
from plugins.denoising_ae.images.files import write_png
from plugins.denoising_ae.images.image_denoiser import ImageDenoiser
from training.data.images.decode import decode
from training.data.images.write_png import to_png
from training.errors import UserError


def denoise(model: Any, image: Path, strength: float, self_ensemble: bool) -> Path:
    """See the endpoint of this name."""
    denoiser, decoded = check_denoiser(model), decode(image)
    denoised = denoiser.denoise(decoded.pixels, strength, self_ensemble=self_ensemble)
    return write_png(image.name, "-denoised", to_png(denoised.pixels, decoded.alpha))


def encode(model: Any, image: Path) -> list[float]:
    """See the endpoint of this name."""
    return check_denoiser(model).features(decode(image).flat())


def check_denoiser(model: Any) -> ImageDenoiser:
    """Refuse weights of another trainer.

    Raises:
        UserError: Saying which are needed.
    """
    if not isinstance(model, ImageDenoiser):
        raise UserError("These weights do not denoise images. Choose the starter, or a run of the trainer images.")
    return model


def check_pair(model: Any) -> AutoencoderPair:
    """Likewise for the weights of an experiment.

    Raises:
        UserError: Saying which are needed.
    """
    if not isinstance(model, AutoencoderPair):
        raise UserError(
            "No experiment made these weights. Choose the starter fashion, or a run of the trainer compare."
        )
    return model
