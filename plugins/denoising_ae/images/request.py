"""What the page asks for when it denoises files; cheap to import."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class DenoiseRequest(NamedTuple):
    """How files are denoised.

    Args:
        strength, self_ensemble: See `ImageDenoiser.denoise_with_progress`.
        noise: Noise type to add first, so that the given image is the clean reference; empty for none.
        level: Level of that noise.
        seed: Seed of that noise for the first image; each further image adds 1.
        clean: Clean reference of a single noisy image.
        noise_level: Level to denoise by: auto, blind or a number.
    """

    strength: float = 1.0
    self_ensemble: bool = False
    noise: str = ""
    level: float = 0.0
    seed: int = 0
    clean: Path | None = None
    noise_level: str = "auto"
