"""The noise level that a caller names: auto, blind or a number."""

from __future__ import annotations

from typing import NamedTuple

from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from training.errors import UserError


class NoiseLevel(NamedTuple):
    """The noise level that a caller names, in units of 1/255.

    Args:
        automatic: Estimate it from the image; `value` counts for nothing then.
        value: None: denoise blind; 0: leave the image as it is.
    """

    automatic: bool = True
    value: float | None = None

    @classmethod
    def parse(cls, text: str) -> NoiseLevel:
        """Read auto, blind or a number.

        Raises:
            UserError: If it is something else, or outside the range of levels.
        """
        word = text.strip().lower()
        if word in ("auto", "blind", ""):
            return cls(automatic=word != "blind")
        low, high = NOISE_TYPES["gaussian"].range
        try:
            value = float(word)
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise UserError(f"noise_level: {text[:40]!r} was given; auto, blind or {low:g} to {high:g} were expected.")
        return cls(False, value)


AUTO = NoiseLevel()
