"""Noise types: the unit and range of their levels, and how a level conditions the network. Cheap to import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.errors import UserError


@dataclass(frozen=True)
class NoiseType:
    """One type of noise.

    Args:
        name: As settings and the API spell it.
        unit: What its level counts.
        range: Lowest and highest level allowed.
        default_range: Levels trained over where the settings give none.
        conditioning: Level -> the value that enters the network: 0 is no noise, about 50 is strong.
        log_uniform: Training levels are sampled uniformly in their logarithm.
    """

    name: str
    unit: str
    range: tuple[float, float]
    default_range: tuple[float, float]
    conditioning: Callable[[float], float]
    log_uniform: bool = False

    def check_level(self, level: float) -> None:
        """Refuse a level outside the range.

        Raises:
            UserError: With the range and the unit.
        """
        low, high = self.range
        if not low <= level <= high:
            raise UserError(f"Level {level:g} was given; {self.name} takes {low:g} to {high:g} ({self.unit}).")


NOISE_TYPES = {
    noise.name: noise
    for noise in (
        NoiseType("gaussian", "standard deviation in units of 1/255", (0, 150), (5, 50), lambda level: level),
        NoiseType("poisson", "photons per white pixel", (0.5, 1e4), (4, 400), lambda level: 127 / level**0.5, True),
        NoiseType("salt_and_pepper", "fraction of pixels", (0, 0.95), (0.02, 0.5), lambda level: 100 * level),
        NoiseType("masked_blocks", "fraction of the area", (0, 0.95), (0.05, 0.5), lambda level: 100 * level),
        NoiseType("blur", "standard deviation in pixels", (0, 12), (0.3, 3), lambda level: 17 * level),
        NoiseType("jpeg", "JPEG quality", (1, 100), (5, 60), lambda level: 0.5 * (100 - level)),
    )
}


def noise_type(name: str) -> NoiseType:
    """The noise type of that name.

    Raises:
        UserError: If there is none; the message lists the names.
    """
    if name not in NOISE_TYPES:
        raise UserError(f"There is no noise {name[:40]!r}; there are: {', '.join(NOISE_TYPES)}.")
    return NOISE_TYPES[name]
