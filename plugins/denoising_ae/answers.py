"""The endpoints' work: files in, files out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.denoising_ae.noise import corruptions
from training.data.images.decode import Picture, decode, to_channels
from training.data.images.write_png import to_png
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.denoising_ae.compare.autoencoder_pair import AutoencoderPair
    from plugins.denoising_ae.images.image_denoiser import Cleaner


def denoise(model: Cleaner, image: Path, strength: float, self_ensemble: bool) -> Path:
    """See the endpoint of this name."""
    check_cleaner(model)
    picture = decode(image)
    clean = model.denoise(picture.pixels, strength, self_ensemble=self_ensemble)
    return write(image.name, "-denoised", to_png(clean, picture.alpha))


def encode(model: Cleaner, image: Path) -> list[float]:
    """See the endpoint of this name."""
    check_cleaner(model)
    return model.features(decode(image).flat())


def corrupt(image: Path, noise: str, level: float, seed: int) -> Path:
    """See the endpoint of this name."""
    picture = decode(image)
    pixels = spoiled(picture, noise, level, seed)
    alpha = picture.alpha if picture.depth == 8 or picture.alpha is None else (picture.alpha >> 8).astype(np.uint8)
    return write(image.name, f"-{noise}", to_png(pixels, alpha))


def check_cleaner(model: object) -> None:
    """Refuse weights of another trainer.

    Raises:
        UserError: Saying which are needed.
    """
    from plugins.denoising_ae.images.image_denoiser import Cleaner

    if not isinstance(model, Cleaner):
        raise UserError("These weights do not denoise pictures. Choose the starter, or a run of the trainer images.")


def check_pair(model: Any) -> AutoencoderPair:
    """Likewise for the weights of an experiment.

    Raises:
        UserError: Saying which are needed.
    """
    from plugins.denoising_ae.compare.autoencoder_pair import AutoencoderPair

    if not isinstance(model, AutoencoderPair) or not model.studies:
        raise UserError(
            "No experiment made these weights. Choose the starter fashion, or a run of the trainer compare."
        )
    return model


def spoiled(picture: Picture, noise: str, level: float, seed: int) -> np.ndarray:
    """A picture's pixels with noise, uint8.

    Raises:
        UserError: If the noise, its level or the seed is none.
    """
    if not 0 <= seed < 2**63:
        raise UserError(f"seed: {seed} was given; a whole number from 0 up was expected.")
    clean = picture.pixels.astype(np.float32) / np.iinfo(picture.pixels.dtype).max
    return np.rint(np.clip(corruptions.corrupt(clean, noise, level, seed), 0, 1) * 255).astype(np.uint8)


def write(name: str, suffix: str, data: bytes) -> Path:
    """A PNG in a new folder, named after the file it was made of."""
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{Path(name).stem}{suffix}.png"
    target.write_bytes(data)
    return target


def like(clean: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The clean picture in the channels of another, to compare the two.

    Raises:
        UserError: If they are not of one size.
    """
    if clean.shape[:2] != pixels.shape[:2]:
        sizes = " and ".join(f"{each.shape[1]} x {each.shape[0]}" for each in (clean, pixels))
        raise UserError(f"The clean picture and the noisy one are of different sizes: {sizes}.")
    return to_channels(clean, pixels.shape[2])
