"""What weights of `compare` answer over the API."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from plugins._endpoints import Endpoints


class CompareAutoencoders(Endpoints):
    """Results of the experiment that trained the two autoencoders."""

    @abstractmethod
    def comparison(self) -> list[dict[str, Any]]:
        """Compare a plain and a denoising autoencoder of one size, as the experiment compare measured them.

        Returns:
            Records: measure (errors, distance to real images, probes), arm (plain or denoising), mean, low, high (95 %
            interval over seeds).
        """
