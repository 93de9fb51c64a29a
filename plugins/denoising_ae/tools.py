"""Endpoints that need no weights; cheap to import."""

from __future__ import annotations

from pathlib import Path


def corrupt(image: Path, noise: str = "gaussian", level: float = 25.0, seed: int = 0) -> Path:
    """Add noise to an image, the same for the same seed; needs no weights.

    Args:
        image: An image file; alpha is kept, 16 bits are converted to 8.
        noise: gaussian (level: standard deviation of 255), poisson (photons per white pixel), salt_and_pepper
            (fraction of pixels), masked_blocks (fraction of the area), blur (standard deviation in pixels) or jpeg
            (quality).
        level: Noise level, in the unit of the noise.
        seed: Seed of the noise, 0 or more.

    Returns:
        A PNG of the same size.
    """
    from plugins.denoising_ae.images.files import corrupt_file  # scipy and Pillow: not at the start of the page

    return corrupt_file(image, noise, level, seed)
