"""What the plugin answers over the API; cheap to import, the work is in `answers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.denoising_ae.compare.autoencoder_pair import AutoencoderPair
    from plugins.denoising_ae.images.image_denoiser import Cleaner
    from plugins.denoising_ae.tables.table_imputer import Restorer


def denoise(model: Cleaner, image: Path, strength: float = 1.0, self_ensemble: bool = False) -> Path:
    """Take the noise out of a picture.

    Args:
        image: PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF, grey or colour, 8 or 16 bits a channel, of any size up to 89 million pixels.
        strength: 1 takes away what the network sees as noise, 0 nothing; up to 2 asks for more than it sees.
        self_ensemble: Whether the results of the picture's eight turns and reflections are averaged: a little better, eight times as long.

    Returns:
        A PNG of the same size, depth and alpha, upright.
    """
    from plugins.denoising_ae import answers

    return answers.denoise(model, image, strength, self_ensemble)


def encode(model: Cleaner, image: Path) -> list[float]:
    """Turn a picture into the mean of the network's innermost features.

    Args:
        image: A picture.

    Returns:
        A number a channel of the innermost stage.
    """
    from plugins.denoising_ae import answers

    return answers.encode(model, image)


def corrupt(image: Path, noise: str = "gaussian", level: float = 25.0, seed: int = 0) -> Path:
    """Spoil a picture, the same way for the same seed; needs no weights.

    Args:
        image: A picture; alpha is kept, 16 bits are brought to 8.
        noise: gaussian (level: deviation of 255), poisson (photons of a white pixel), salt_and_pepper (share of the pixels), masked_blocks (share of the area), blur (deviation in pixels) or jpeg (quality).
        level: How much of it.
        seed: Of the random numbers, 0 or more.

    Returns:
        A PNG of the same size.
    """
    from plugins.denoising_ae import answers

    return answers.corrupt(image, noise, level, seed)


def denoise_table(model: Restorer, file: Path) -> Path:
    """Fill the holes of a table and mend cells that cannot be right, given the others of their row.

    Args:
        file: CSV, TSV, JSONL or Parquet, also gzipped, with the columns that the model was trained on.

    Returns:
        A CSV file: the table's columns, and `changes`: what was changed in each row, "age: 5000 -> 34".
    """
    from plugins.denoising_ae.tables.table_imputer import mend_file

    return mend_file(model, file)


def comparison(model: AutoencoderPair) -> list[dict[str, Any]]:
    """Say how a plain and a denoising autoencoder of one size compare, as the trainer compare measured.

    Returns:
        Records: measure (errors, distance from real pictures, probes), arm (plain or denoising), mean, low, high (95 % interval over seeds).
    """
    from plugins.denoising_ae.answers import check_pair

    return check_pair(model).studies[0]["records"]
