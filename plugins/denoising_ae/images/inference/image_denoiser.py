"""A trained network applied to images as arrays: any size, grey or colour, 8 or 16 bits per channel."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
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
from plugins.denoising_ae.noise.level_estimation import NoiseEstimate, estimate_noise, level_to_use
from plugins.denoising_ae.noise.named_level import AUTO, NoiseLevel
from plugins.denoising_ae.noise.patch_statistics import are_repeated, distinct_lines
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
        noise_level: The level it was denoised by, in units of 1/255; 0: left as it is; None: blind.
        reason: Why it was left as it is, or denoised blind; empty if the weights take no level or one was named.
    """

    pixels: np.ndarray
    residual: np.ndarray
    noise_level: float | None
    reason: str = ""


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
        self,
        pixels: np.ndarray,
        strength: float = 1.0,
        tile: int = TILE,
        *,
        alpha: np.ndarray | None = None,
        noise_level: NoiseLevel = AUTO,
        self_ensemble: bool = False,
    ) -> Denoised:
        """The result of `denoise_with_progress`."""
        options: dict[str, Any] = {"alpha": alpha, "noise_level": noise_level, "self_ensemble": self_ensemble}
        return run_to_end(self.denoise_with_progress(pixels, strength, tile, **options))

    def denoise_with_progress(
        self,
        pixels: np.ndarray,
        strength: float = 1.0,
        tile: int = TILE,
        *,
        alpha: np.ndarray | None = None,
        noise_level: NoiseLevel = AUTO,
        self_ensemble: bool = False,
    ) -> Generator[float, None, Denoised]:
        """Denoise an image.

        An image that was enlarged by repeating pixels is denoised at its own size, and enlarged again.

        Args:
            pixels: (height, width, 1 or 3), uint8 or uint16.
            strength: 1 removes what the network predicts as noise, 0 nothing; between them that share of it. Above 1,
                up to 2, the network is conditioned on the level times the strength; where it denoises blind, the
                strength multiplies what it removes.
            tile: Side in pixels of the tiles that large images are denoised in.
            alpha: Opacity (height, width): transparent parts count for nothing in the estimate.
            noise_level: By default estimated from the image, if the network was trained on Gaussian noise: an image
                without noise is left as it is, to the bit.
            self_ensemble: Average over the image's eight rotations and reflections (Timofte et al., 2016,
                arXiv:1511.02228, §3.4).

        Yields:
            The share that is done; closing the generator stops the work.

        Raises:
            UserError: If the strength is outside 0 to 2, or if the network takes no noise level and one is named or the
                strength is above 1.
        """
        self._check(strength, noise_level)
        level, reason = self._level(pixels, alpha, noise_level)
        if level == 0:
            return Denoised(pixels, np.zeros(pixels.shape, np.float32), 0.0, reason)
        share = strength if level is None else min(strength, 1.0)
        level = level if level is None else level * max(strength, 1.0)
        rows, columns = distinct_lines(pixels)
        enlarged = are_repeated(rows) and are_repeated(columns)
        small = pixels[rows][:, columns] if enlarged else pixels
        noisy = small.astype(np.float32) / np.iinfo(pixels.dtype).max
        work = (self.denoise_self_ensemble if self_ensemble else self._denoise_planes)(noisy, level, tile)
        residual = (noisy - (yield from work)) * np.float32(share)
        denoised = Denoised(_quantised(noisy - residual, pixels.dtype), residual, level, reason)
        if not enlarged:
            return denoised
        at = np.ix_(np.cumsum(rows) - 1, np.cumsum(columns) - 1)
        return replace(denoised, pixels=denoised.pixels[at], residual=residual[at])

    def _level(self, pixels: np.ndarray, alpha: np.ndarray | None, given: NoiseLevel) -> NoiseEstimate:
        """The level to denoise by, see `level_to_use`, and why it is 0 or None."""
        if not given.automatic:
            return NoiseEstimate(given.value)
        if self.noise["name"] != "gaussian":
            return NoiseEstimate(None)
        estimate = estimate_noise(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max, alpha)
        return NoiseEstimate(self.level_for(estimate), estimate.reason)

    def level_for(self, estimate: NoiseEstimate) -> float | None:
        """The level that these weights denoise by: see `level_to_use`."""
        return level_to_use(estimate, self.noise["name"], self.model.config.noise_conditioned)

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

    def _check(self, strength: float, noise_level: NoiseLevel) -> None:
        if not 0 <= strength <= MAX_STRENGTH:
            raise UserError(
                f"strength: {strength:g} was given; 0 (nothing) to {MAX_STRENGTH:g} were expected, 1 is usual."
            )
        if self.model.config.noise_conditioned:
            return
        if strength > 1:
            raise UserError("strength: these weights take no noise level, so a strength above 1 is not possible.")
        if noise_level.value:
            raise UserError("noise_level: these weights take no noise level; auto or blind were expected.")

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
