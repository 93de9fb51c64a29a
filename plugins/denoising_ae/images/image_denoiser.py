"""Trained weights at work on pictures: any size, grey or colour, 8 or 16 bits, with alpha."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plugins.denoising_ae.images.dihedral import TURNS, turned, turned_back
from plugins.denoising_ae.images.opponent_colour import from_opponent, to_opponent
from plugins.denoising_ae.images.progress import finished, telling
from plugins.denoising_ae.images.tiling import TILE, tile_by_tile
from plugins.denoising_ae.models import artifact
from plugins.denoising_ae.models.denoising_cnn import Denoiser
from plugins.denoising_ae.noise.level_estimation import estimate_noise_level, goes_by_estimate, level_to_tell
from training.data.images.decode import to_channels
from training.errors import UserError

STRONGEST = 2.0
LARGEST_ENCODED = 1024  # pixels a side


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What `Cleaner.clean` found.

    Args:
        pixels: The clean picture, of the shape and type that was given.
        removed: What was taken away, (height, width, channels) float32 in units of the pixels' full range.
        level: The noise in the picture as given, in units of 1/255; None where the picture is too small to tell.
    """

    pixels: np.ndarray
    removed: np.ndarray
    level: float | None


class Cleaner:
    """A network with what it was trained for."""

    def __init__(self, model: Denoiser, about: dict[str, Any]):
        self.model, self.about = model, about
        self.noise: dict[str, Any] = about["noise"]

    @classmethod
    def load(cls, folder: Path) -> Cleaner:
        """Read an artifact.

        Raises:
            UserError: If a file is missing, damaged, or of another format.
        """
        return cls(artifact.load_network(folder), artifact.read_about(folder))

    def denoise(self, pixels: np.ndarray, strength: float = 1.0, *, self_ensemble: bool = False) -> np.ndarray:
        """The clean picture alone; see `clean`."""
        return self.clean(pixels, strength, self_ensemble=self_ensemble).pixels

    def clean(
        self, pixels: np.ndarray, strength: float = 1.0, tile: int = TILE, *, self_ensemble: bool = False
    ) -> Cleaned:
        """What `cleaning` comes to."""
        return finished(self.cleaning(pixels, strength, tile, self_ensemble=self_ensemble))

    def cleaning(
        self, pixels: np.ndarray, strength: float = 1.0, tile: int = TILE, *, self_ensemble: bool = False
    ) -> Generator[float, None, Cleaned]:
        """Take the noise out of a picture.

        Args:
            pixels: (height, width, 1 or 3), uint8 or uint16.
            strength: 1 is what the network sees as noise (told the estimated level, where it was trained on Gaussian noise), 0 nothing;
                between them a part of it is left in. Above 1, up to 2, it is told a level so many times what the picture seems to have.
            tile: Pixels a side of the tiles that large pictures are denoised in.
            self_ensemble: Whether the results of the picture's eight turns and reflections are averaged (Timofte et al., 2016, arXiv:1511.02228, §3.4).

        Yields:
            The share that is done; closing the generator ends the work.

        Raises:
            UserError: If the strength is outside 0 to 2, or above 1 for a network that takes no level.
        """
        self._check_strength(strength)
        full = np.iinfo(pixels.dtype).max
        noisy = pixels.astype(np.float32) / full
        level = estimate_noise_level(noisy)
        told = level if goes_by_estimate(self.noise["name"], self.model.config.level_input) else None
        asked = strength * level if strength > 1 and level is not None else told
        removed = noisy - (yield from (self.ensemble if self_ensemble else self._run)(noisy, asked, tile))
        removed *= min(strength, 1.0)
        return Cleaned(np.rint(np.clip(noisy - removed, 0, 1) * full).astype(pixels.dtype), removed, level)

    def level_to_tell(self, noisy: np.ndarray) -> float | None:
        """What the network is told where nobody says the level: see `noise_level.level_to_tell`."""
        return level_to_tell(self.noise["name"], self.model.config.level_input, noisy)

    def told(self, pixels: np.ndarray, level: float | None) -> np.ndarray:
        """The clean picture where the noise level is known, in units of 1/255; with None the network judges it for itself."""
        full = np.iinfo(pixels.dtype).max
        found = finished(self._run(pixels.astype(np.float32) / full, level, TILE))
        return np.rint(np.clip(found, 0, 1) * full).astype(pixels.dtype)

    def ensemble(self, noisy: np.ndarray, level: float | None, tile: int = TILE) -> Generator[float, None, np.ndarray]:
        """The mean of what the network makes of each turn of a picture (height, width, 1 or 3) float32 in [0, 1], turned back; not clipped."""
        total = np.zeros_like(noisy)
        for number in range(TURNS):
            work = self._run(turned(noisy, number), level, tile)
            total += turned_back((yield from telling(work, lambda share, done=number: (done + share) / TURNS)), number)
        return total / TURNS

    def features(self, pixels: np.ndarray) -> list[float]:
        """Mean of the innermost features over a picture (height, width, 1 or 3) of 8 bits; large ones are halved first."""
        import torch

        while max(pixels.shape[:2]) > LARGEST_ENCODED:
            pixels = pixels[::2, ::2]
        scaled = to_channels(pixels, self.model.config.channels).astype(np.float32) / 255
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            found = self.model.features(torch.from_numpy(scaled).permute(2, 0, 1)[None].to(device))
        return found.mean((0, 2, 3)).tolist()

    def _check_strength(self, strength: float) -> None:
        if not 0 <= strength <= STRONGEST:
            raise UserError(
                f"strength: {strength:g} was given; 0 (nothing) to {STRONGEST:g} were expected, 1 is usual."
            )
        if strength > 1 and not self.model.config.level_input:
            raise UserError("strength: these weights take no noise level, so they cannot be asked for more than 1.")

    def _run(self, noisy: np.ndarray, level: float | None, tile: int) -> Generator[float, None, np.ndarray]:
        """Denoise (height, width, 1 or 3) with a network of 1 or 3 channels."""
        given, taken = noisy.shape[2], self.model.config.channels
        if given == taken:
            return (yield from tile_by_tile(self.model, noisy, level, tile))
        if taken == 3:  # three equal channels, and their mean
            return (yield from tile_by_tile(self.model, np.repeat(noisy, 3, 2), level, tile)).mean(2, keepdims=True)
        planes = to_opponent(noisy)
        for place in range(3):
            plane = tile_by_tile(self.model, planes[..., place : place + 1], level, tile)
            planes[..., place : place + 1] = yield from telling(plane, lambda share, done=place: (done + share) / 3)
        return from_opponent(planes)
