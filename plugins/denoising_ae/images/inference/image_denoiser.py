"""A trained network applied to images as arrays: any size, grey or colour, 8 or 16 bits per channel."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.denoising_ae.images.artifact import load_denoiser
from plugins.denoising_ae.images.inference.dihedral import SYMMETRIES, inverse_transform, transform
from plugins.denoising_ae.images.inference.opponent_colour import from_opponent, to_opponent
from plugins.denoising_ae.images.inference.progress import map_progress, run_to_end
from plugins.denoising_ae.images.inference.tiling import TILE, denoise_tile_by_tile
from plugins.denoising_ae.models.denoising_cnn import DenoisingCNN
from plugins.denoising_ae.noise.level_estimation import (
    conditioning_level,
    conditions_on_estimate,
    estimate_noise_level,
)
from training.data.images.decode import to_channels
from training.errors import UserError

MAX_STRENGTH = 2.0
MAX_ENCODED_SIDE = 1024  # pixels


@dataclass(frozen=True, eq=False)
class Denoised:
    """A denoised image.

    Args:
        pixels: The clean image, of the shape and type that was given.
        residual: The noise that was removed, (height, width, channels) float32 in units of the pixels' full range.
        noise_level: Estimated level of the given image, in units of 1/255; None where the image is too small to tell.
    """

    pixels: np.ndarray
    residual: np.ndarray
    noise_level: float | None


class ImageDenoiser:
    """A network with the noise that it was trained on.

    Args:
        model: The network.
        noise: {"name": noise type, …} as config.json has it.
    """

    def __init__(self, model: DenoisingCNN, noise: dict[str, Any]):
        self.model, self.noise = model, noise

    @classmethod
    def load(cls, folder: Path) -> ImageDenoiser:
        """Read an artifact.

        Raises:
            UserError: If a file is missing, damaged, or of another format.
        """
        return cls(*load_denoiser(Path(folder)))

    def denoise(
        self, pixels: np.ndarray, strength: float = 1.0, tile: int = TILE, *, self_ensemble: bool = False
    ) -> Denoised:
        """The result of `denoise_with_progress`."""
        return run_to_end(self.denoise_with_progress(pixels, strength, tile, self_ensemble=self_ensemble))

    def denoise_with_progress(
        self, pixels: np.ndarray, strength: float = 1.0, tile: int = TILE, *, self_ensemble: bool = False
    ) -> Generator[float, None, Denoised]:
        """Denoise an image.

        Args:
            pixels: (height, width, 1 or 3), uint8 or uint16.
            strength: 1 removes what the network predicts as noise (conditioned on the estimated level, if it was
                trained on Gaussian noise), 0 nothing; between them that share of it. Above 1, up to 2, the network is
                conditioned on the estimated level times the strength.
            tile: Side in pixels of the tiles that large images are denoised in.
            self_ensemble: Average over the image's eight rotations and reflections (Timofte et al., 2016,
                arXiv:1511.02228, §3.4).

        Yields:
            The share that is done; closing the generator stops the work.

        Raises:
            UserError: If the strength is outside 0 to 2, or above 1 for a network that takes no noise level.
        """
        self._check_strength(strength)
        full_range = np.iinfo(pixels.dtype).max
        noisy = pixels.astype(np.float32) / full_range
        estimate = estimate_noise_level(noisy)
        level = estimate if conditions_on_estimate(self.noise["name"], self.model.config.noise_conditioned) else None
        if strength > 1 and estimate is not None:
            level = strength * estimate
        work = (self.denoise_self_ensemble if self_ensemble else self._denoise_planes)(noisy, level, tile)
        residual = noisy - (yield from work)
        residual *= min(strength, 1.0)
        return Denoised(_quantised(noisy - residual, pixels.dtype), residual, estimate)

    def conditioning_level(self, noisy: np.ndarray) -> float | None:
        """The level to condition on where none is given: see `level_estimation.conditioning_level`."""
        return conditioning_level(self.noise["name"], self.model.config.noise_conditioned, noisy)

    def denoise_at_level(self, pixels: np.ndarray, level: float | None) -> np.ndarray:
        """The clean image, the network conditioned on a level in units of 1/255; None: blind."""
        noisy = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
        return _quantised(run_to_end(self._denoise_planes(noisy, level, TILE)), pixels.dtype)

    def denoise_self_ensemble(
        self, noisy: np.ndarray, level: float | None, tile: int = TILE
    ) -> Generator[float, None, np.ndarray]:
        """The mean over the eight symmetries of an image (height, width, 1 or 3) float32 in [0, 1]; not clipped."""
        total = np.zeros_like(noisy)
        for number in range(SYMMETRIES):
            work = self._denoise_planes(transform(noisy, number), level, tile)
            denoised = yield from map_progress(work, lambda share, done=number: (done + share) / SYMMETRIES)
            total += inverse_transform(denoised, number)
        return total / SYMMETRIES

    def features(self, pixels: np.ndarray) -> list[float]:
        """The innermost features averaged over an 8-bit image (height, width, 1 or 3); large ones are subsampled."""
        while max(pixels.shape[:2]) > MAX_ENCODED_SIDE:
            pixels = pixels[::2, ::2]
        scaled = to_channels(pixels, self.model.config.channels).astype(np.float32) / 255
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            features = self.model.features(torch.from_numpy(scaled).permute(2, 0, 1)[None].to(device))
        return features.mean((0, 2, 3)).tolist()

    def _check_strength(self, strength: float) -> None:
        if not 0 <= strength <= MAX_STRENGTH:
            raise UserError(
                f"strength: {strength:g} was given; 0 (nothing) to {MAX_STRENGTH:g} were expected, 1 is usual."
            )
        if strength > 1 and not self.model.config.noise_conditioned:
            raise UserError("strength: these weights take no noise level, so a strength above 1 is not possible.")

    def _denoise_planes(self, noisy: np.ndarray, level: float | None, tile: int) -> Generator[float, None, np.ndarray]:
        """Denoise (height, width, 1 or 3) with a network of 1 or 3 channels."""
        image_channels, network_channels = noisy.shape[2], self.model.config.channels
        if image_channels == network_channels:
            return (yield from denoise_tile_by_tile(self.model, noisy, level, tile))
        if network_channels == 3:  # grey as three equal channels, and their mean
            colour = np.repeat(noisy, 3, 2)
            return (yield from denoise_tile_by_tile(self.model, colour, level, tile)).mean(2, keepdims=True)
        planes = to_opponent(noisy)
        for number in range(3):
            plane = planes[..., number : number + 1]
            work = denoise_tile_by_tile(self.model, plane, level, tile)
            plane[:] = yield from map_progress(work, lambda share, done=number: (done + share) / 3)
        return from_opponent(planes)


def _quantised(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An image in [0, 1] as whole numbers of the type's full range."""
    return np.rint(np.clip(image, 0, 1) * np.iinfo(dtype).max).astype(dtype)
