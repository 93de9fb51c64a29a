"""What the plugin answers over the API; cheap to import, the work is in `answers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.denoising_ae.compare.autoencoder_pair import AutoencoderPair
    from plugins.denoising_ae.images.image_denoiser import ImageDenoiser
    from plugins.denoising_ae.tables.table_imputer import TableImputer


def denoise(model: ImageDenoiser, image: Path, strength: float = 1.0, self_ensemble: bool = False) -> Path:
    """Denoise an image.

    Args:
        image: PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF, grey or colour, 8 or 16 bits per channel, of any size up to 89 million pixels.
        strength: 1 removes what the network predicts as noise, 0 nothing; up to 2 removes more than it predicts.
        self_ensemble: Average over the image's eight rotations and reflections: slightly better, eight times the time.

    Returns:
        A PNG of the same size, depth and alpha, upright.
    """
    from plugins.denoising_ae import answers

    return answers.denoise(model, image, strength, self_ensemble)


def encode(model: ImageDenoiser, image: Path) -> list[float]:
    """Embed an image: the mean over all positions of the network's innermost features.

    Args:
        image: An image file, as for denoise.

    Returns:
        One number per channel of the innermost stage.
    """
    from plugins.denoising_ae import answers

    return answers.encode(model, image)


def corrupt(image: Path, noise: str = "gaussian", level: float = 25.0, seed: int = 0) -> Path:
    """Add noise to an image, the same for the same seed; needs no weights.

    Args:
        image: An image file; alpha is kept, 16 bits are converted to 8.
        noise: gaussian (level: standard deviation of 255), poisson (photons per white pixel), salt_and_pepper (fraction of pixels), masked_blocks (fraction of the area), blur (standard deviation in pixels) or jpeg (quality).
        level: Noise level, in the unit of the noise.
        seed: Seed of the noise, 0 or more.

    Returns:
        A PNG of the same size.
    """
    from plugins.denoising_ae.images.files import corrupt_file

    return corrupt_file(image, noise, level, seed)


def denoise_table(model: TableImputer, file: Path) -> Path:
    """Impute the missing cells of a table and correct implausible ones, given the other cells of their row.

    Args:
        file: CSV, TSV, JSONL or Parquet, also gzipped, with the columns that the model was trained on.

    Returns:
        A CSV file: the table's columns, and `changes`: the changes of each row, "age: 5000 -> 34".
    """
    from plugins.denoising_ae.tables.table_imputer import TableImputer
    from training.errors import UserError

    if not isinstance(model, TableImputer):
        raise UserError("These weights do not impute tables. Choose the starter adult, or a run of the trainer tables.")
    return model.impute_file(file)


def comparison(model: AutoencoderPair) -> list[dict[str, Any]]:
    """Compare a plain and a denoising autoencoder of one size, as the experiment compare measured them.

    Returns:
        Records: measure (errors, distance to real images, probes), arm (plain or denoising), mean, low, high (95 % interval over seeds).
    """
    from plugins.denoising_ae.answers import check_pair

    return check_pair(model).study["records"]
