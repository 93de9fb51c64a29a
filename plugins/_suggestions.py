"""Weights of the Hub that a kind suggests to start from, with what one wants to know before a download."""

from __future__ import annotations

import re
from dataclasses import dataclass

from training.preflight.limits import TRAINING_BYTES

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Suggestion:
    """Public weights of the Hub, as safetensors.

    Args:
        name: owner/name.
        parameters: Their number, in millions.
        download_mb: What is fetched, in megabytes, about: weights of the Hub may be replaced.
        license: Its SPDX identifier.
        good_for: One sentence: languages, and what they are good for.
        field: The setting that may name them.
    """

    name: str
    parameters: float
    download_mb: int
    license: str
    good_for: str
    field: str = "model"

    def __post_init__(self) -> None:
        if not HUB_ID.fullmatch(self.name):
            raise ValueError(f"Suggestion {self.name!r}: the name must be owner/name of the Hub.")
        if self.parameters <= 0 or self.download_mb <= 0 or not (self.license and self.good_for):
            raise ValueError(f"Suggestion {self.name!r} needs parameters, download_mb, license and good_for.")

    @property
    def training_mb(self) -> int:
        """Megabytes of memory that training takes before the first row."""
        return round(self.parameters * TRAINING_BYTES)

    @property
    def label(self) -> str:
        """What a list shows: name, download and licence."""
        return f"{self.name} (about {_spell(self.download_mb)}, {self.license})"

    def about(self, is_trained: bool) -> str:
        """What one wants to know of it, in sentences; of weights that are trained, the memory too."""
        memory = f"to train all weights about {_spell(self.training_mb)} of memory and what the rows need; "
        return (
            f"{self.good_for} {self.parameters:g} million parameters; download about {_spell(self.download_mb)}; "
            f"{memory if is_trained else ''}licence {self.license}."
        )


def _spell(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:g} MB"
