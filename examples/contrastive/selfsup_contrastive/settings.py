"""Settings and endpoints of both kinds; imports nothing heavy."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from pydantic import Field

from plugins._contract import Endpoints
from training.settings import ADVANCED, ImageData, TrainSettings


class Embed(Endpoints):
    """Embeddings of images."""

    @abstractmethod
    def embed(self, image: Path) -> list[float]:
        """Embed an image as a unit vector.

        Args:
            image: A file that Pillow reads.
        """

    @abstractmethod
    def similarity(self, first: Path, second: Path) -> float:
        """Compare two images by the cosine of their embeddings, -1 to 1.

        Args:
            first: An image.
            second: Another.
        """


class EncoderSettings(TrainSettings, ImageData, defaults={"steps": 300, "batch_size": 64, "learning_rate": 1e-3}):
    """What both kinds have."""

    image_size: int = Field(32, ge=16, le=224, description="Pixels per side that images are brought to.")
    width: int = Field(32, ge=8, le=512, description="Channels of the first layer; each of three stages doubles them.")
    embedding_size: int = Field(64, ge=2, le=1024, description="Size of the vectors that the loss compares.")
    min_crop: float = Field(
        0.3,
        ge=0.05,
        le=1,
        description="Smallest share of an image's area that a view shows.",
        json_schema_extra=ADVANCED,
    )


class SimclrSettings(EncoderSettings):
    """Settings of `simclr`."""

    temperature: float = Field(
        0.2, gt=0, le=10, description="Temperature of the softmax over the other views of the batch."
    )


class ByolSettings(EncoderSettings):
    """Settings of `byol`."""

    teacher_decay: float = Field(0.99, ge=0, lt=1, description="Decay per step of the momentum teacher.")
