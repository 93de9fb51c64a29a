"""Settings of the kind `tables`; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.data.tabular.missing import LiteralColumns
from training.settings import ADVANCED, StartingWeights, TableData, TrainSettings


class TablesSettings(
    TrainSettings,
    TableData,
    StartingWeights,
    LiteralColumns,
    usual={"steps": 1000, "batch_size": 256, "learning_rate": 2e-3},
    defaults={"schedule": "cosine"},
):
    """Settings of `tables`."""

    columns: str = Field(
        "",
        max_length=20_000,
        description="Corrections of guessed column types: NAME=TYPE, separated by commas; number, category, date or "
        "ignore.",
    )
    mask_ratio: float = Field(0.3, ge=0, le=0.9, description="Fraction of the cells that is masked while training.")
    swap_ratio: float = Field(
        0.1, ge=0, le=0.9, description="Fraction of the cells that is swapped with another row's while training."
    )
    noise_std: float = Field(
        0.1,
        ge=0,
        le=10,
        description="Standard deviation of the Gaussian noise on numbers while training, in standard deviations of "
        "each column.",
    )
    size: Literal["small", "medium", "large"] = Field("medium", description="Network width: 64, 128 or 256.")
    latent_size: int = Field(
        32, ge=0, le=512, description="Dimensions of the latent vector of each row. 0: no bottleneck."
    )
    scaling: Literal["auto", "standard", "robust", "log", "quantile"] = Field(
        "auto",
        description="How numbers are scaled; auto is standard, with very long tails compressed.",
        json_schema_extra=ADVANCED,
    )
    max_categories: int = Field(
        1000,
        ge=2,
        le=50_000,
        description="Distinct values kept per category column, at most.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _rows_are_corrupted(self) -> TablesSettings:
        if not (self.mask_ratio or self.swap_ratio or self.noise_std):
            raise ValueError(
                "mask_ratio, swap_ratio and noise_std are all 0: a denoising autoencoder needs one of them"
            )
        return self
