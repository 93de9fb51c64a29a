"""The kinds of noise by name: what a level counts, its range, and how it enters the network. Cheap to import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.errors import UserError


@dataclass(frozen=True)
class Noise:
    """A kind of noise.

    Args:
        name: As settings and the API have it.
        unit: What its level counts.
        range: The lowest and the highest level there can be.
        usual: The range that is trained over where none is given.
        as_level: Level -> what enters the network: about 50 is strong, 0 nothing.
        logarithmic: Levels are drawn evenly in their logarithm.
    """

    name: str
    unit: str
    range: tuple[float, float]
    usual: tuple[float, float]
    as_level: Callable[[float], float]
    logarithmic: bool = False

    def check(self, level: float) -> None:
        """Refuse a level that is none.

        Raises:
            UserError: With the range and the unit.
        """
        low, high = self.range
        if not low <= level <= high:
            raise UserError(f"Level {level:g} was given; {self.name} takes {low:g} to {high:g} ({self.unit}).")


NOISES = {
    noise.name: noise
    for noise in (
        Noise("gaussian", "standard deviation, of 255", (0, 150), (5, 50), lambda level: level),
        Noise("poisson", "photons of a white pixel", (0.5, 1e4), (4, 400), lambda level: 127 / level**0.5, True),
        Noise("salt_and_pepper", "share of the pixels", (0, 0.95), (0.02, 0.5), lambda level: 100 * level),
        Noise("masked_blocks", "share of the area", (0, 0.95), (0.05, 0.5), lambda level: 100 * level),
        Noise("blur", "deviation in pixels", (0, 12), (0.3, 3), lambda level: 17 * level),
        Noise("jpeg", "quality", (1, 100), (5, 60), lambda level: 0.5 * (100 - level)),
    )
}


def noise_named(name: str) -> Noise:
    """The noise of that name.

    Raises:
        UserError: If there is none; the message lists those there are.
    """
    if name not in NOISES:
        raise UserError(f"There is no noise {name[:40]!r}; there are: {', '.join(NOISES)}.")
    return NOISES[name]
