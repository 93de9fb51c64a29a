"""Trained weights of `images` as endpoints: image files in, image files and embeddings out."""

from __future__ import annotations

from pathlib import Path

from plugins.denoising_ae.images.endpoints import DenoiseImages
from plugins.denoising_ae.images.files import write_png
from plugins.denoising_ae.images.inference.image_denoiser import ImageDenoiser
from plugins.denoising_ae.noise.named_level import NoiseLevel
from training.data.images.decode import decode
from training.data.images.write_png import to_png


class ImageDenoisingPredictor(DenoiseImages):
    """Denoises and embeds image files.

    Args:
        denoiser: The network at work on arrays.
    """

    def __init__(self, denoiser: ImageDenoiser):
        self.denoiser = denoiser

    def denoise(
        self, image: Path, strength: float = 1.0, self_ensemble: bool = False, noise_level: str = "auto"
    ) -> Path:
        decoded, level = decode(image), NoiseLevel.parse(noise_level)
        denoised = self.denoiser.denoise(
            decoded.pixels, strength, alpha=decoded.alpha, noise_level=level, self_ensemble=self_ensemble
        )
        return write_png(image.name, "-denoised", to_png(denoised.pixels, decoded.alpha, decoded.icc_profile))

    def encode(self, image: Path) -> list[float]:
        return self.denoiser.features(decode(image).flat())


def load(folder: Path) -> ImageDenoisingPredictor:
    """Read an artifact.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    return ImageDenoisingPredictor(ImageDenoiser.load(folder))
