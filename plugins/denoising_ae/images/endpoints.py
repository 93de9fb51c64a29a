"""What weights of `images` answer over the API."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from plugins._endpoints import Endpoints


class DenoiseImages(Endpoints):
    """Denoised images and image embeddings."""

    @abstractmethod
    def denoise(
        self, image: Path, strength: float = 1.0, self_ensemble: bool = False, noise_level: str = "auto"
    ) -> Path:
        """Denoise an image; one without noise comes back as it is.

        Args:
            image: PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF, grey or colour, 8 or 16 bits per channel, of any size up
                to 89 million pixels.
            strength: 1 removes what the network predicts as noise, 0 nothing; up to 2 removes more than it predicts.
            self_ensemble: Average over the image's eight rotations and reflections: slightly better, 8 times slower.
            noise_level: Standard deviation of the noise in units of 1/255, 0 to 150; auto: estimated from the image;
                blind: left to the network. Name it where the estimate fails, as for enlarged images.

        Returns:
            A PNG of the same size, depth, alpha and colour profile, upright.
        """

    @abstractmethod
    def encode(self, image: Path) -> list[float]:
        """Embed an image: the mean over all positions of the network's innermost features.

        Args:
            image: An image file, as for denoise.

        Returns:
            One number per channel of the innermost stage.
        """
