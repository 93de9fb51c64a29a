"""Settings of the kind `compare`; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from training.settings import ADVANCED, IMAGES, REQUIRED, DataSource, TrainSettings


class CompareSettings(
    TrainSettings,
    DataSource,
    fixed=("patience", "eval_every", "processes"),
    usual={"steps": 800, "batch_size": 128, "learning_rate": 1e-3},
    descriptions={"steps": "Optimiser steps of each autoencoder.", "batch_size": "Images per optimiser step."},
):
    """Settings of `compare`."""

    data: str = Field(
        "",
        description="Images, as for images; with labels (folder names, or a column) a linear probe and nearest "
        "neighbours are evaluated too.",
        json_schema_extra={**IMAGES, **REQUIRED},
    )
    eval_share: float = Field(
        0.2, ge=0.01, le=0.5, description="Share of the images held out for evaluation.", json_schema_extra=ADVANCED
    )
    label_column: str = Field("label", max_length=200, description="Column of the labels, if there is one.")
    image_size: int = Field(
        28, ge=8, le=64, description="Pixels a side; each image is cropped to its middle square, in grey, and resized."
    )
    noise: Literal["gaussian", "salt_and_pepper", "masked_blocks"] = Field(
        "gaussian", description="Corruption of the denoising autoencoder's input; the plain one sees clean images."
    )
    level: float = Field(
        75,
        gt=0,
        le=150,
        description="Noise level while training: standard deviation of 255, or fraction of the pixels.",
    )
    hidden_size: int = Field(512, ge=8, le=4096, description="Width of the layers before and after the latent one.")
    latent_size: int = Field(
        1024,
        ge=2,
        le=4096,
        description="Dimensions of the representation; with more than pixels the identity can be learned.",
    )
    seeds: int = Field(
        3, ge=1, le=20, description="Repetitions with other initial weights and noise, for the confidence intervals."
    )
    train_images: int = Field(5000, ge=20, le=100_000, description="Images to train on, at most.")
    eval_images: int = Field(1000, ge=10, le=20_000, description="Held-out images to evaluate on, at most.")

    @model_validator(mode="after")
    def _level_is_in_range(self) -> CompareSettings:
        noise = NOISE_TYPES[self.noise]
        low, high = noise.range
        if not low < self.level <= high:
            raise ValueError(f"level {self.level:g} was given; {self.noise} takes {low:g} to {high:g} ({noise.unit})")
        return self
