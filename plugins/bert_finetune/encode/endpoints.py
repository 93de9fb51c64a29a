"""Interface of every encoder."""

from __future__ import annotations

from abc import abstractmethod

from plugins._endpoints import Endpoints


class Encode(Endpoints):
    """Sentence vectors of a text."""

    @abstractmethod
    def embed(self, text: str) -> list[float]:
        """Embed a text: the mean of the encoder's last token vectors.

        Args:
            text: The text; longer texts than the model reads are truncated.

        Returns:
            The vector, as long as the encoder is wide.
        """
