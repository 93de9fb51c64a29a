"""Settings of `fit`."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from training.data.tabular.missing import LiteralColumns
from training.settings import ADVANCED, FILE, StartingWeights, TableData, TrainSettings

SIZES = {"fast": (64, 2), "balanced": (128, 2), "thorough": (192, 4)}  # width, blocks


class FitSettings(
    TrainSettings,
    TableData,
    StartingWeights,
    LiteralColumns,
    usual={"steps": 1000, "batch_size": 256, "learning_rate": 2e-3},
    defaults={"schedule": "cosine", "eval_share": 0.05},
    descriptions={
        "eval_every": "Steps between evaluations. 0: four in a run.",
        "eval_share": "Share of the rows held out to calibrate scores and p-values with: at least 50 of 500 rows, at most 4,000. "
        "Of fewer rows, the training rows serve.",
    },
):
    """Settings of `fit`."""

    columns: str = Field(
        "",
        max_length=20_000,
        description="Types of columns that are guessed wrongly: NAME=TYPE, separated by commas; number, category, date or ignore.",
    )
    label_column: str = Field(
        "",
        max_length=200,
        description="Column that says which rows are anomalies; it is never learned from, only measured with. Empty: guessed by name.",
    )
    normal_value: str = Field(
        "",
        max_length=200,
        description="The label of normal rows; every other one is an anomaly. Empty: 0, no, false, normal or negative.",
        json_schema_extra=ADVANCED,
    )
    train_on: Literal["normal", "all"] = Field(
        "normal", description="normal leaves out rows that are labelled as anomalies; all trains on every row."
    )
    feedback_data: str = Field(
        "",
        description="Rows that were labelled, with a column is_anomaly of 1 and 0 (the scoring box writes it): normal ones are learned, anomalies are learned from. They are excluded from the metrics.",
        json_schema_extra={**FILE, **ADVANCED},
    )
    feedback_weight: float = Field(
        0.3,
        ge=0,
        le=100,
        description="What the labelled anomalies count in the loss beside the rows of a batch.",
        json_schema_extra=ADVANCED,
    )
    size: Literal["fast", "balanced", "thorough"] = Field(
        "balanced", description="Network: 64, 128 or 192 wide; fast is enough for a first look."
    )
    latent_size: int = Field(16, ge=1, le=256, description="Latent features per row.")
    noise_levels: str = Field(
        "0, 0.3, 1, 2",
        max_length=200,
        description="Noise on the scaled numbers while training, one member of the ensemble for each.",
        json_schema_extra=ADVANCED,
    )
    mask_ratio: float = Field(
        0.4,
        ge=0,
        le=0.9,
        description="Share of the cells hidden while training, where a table has categories or holes.",
        json_schema_extra=ADVANCED,
    )
    scaling: Literal["auto", "standard", "robust", "log", "quantile"] = Field(
        "auto",
        description="How numbers are scaled; auto is standard, with very long tails pulled in.",
        json_schema_extra=ADVANCED,
    )
    number_embedding: Literal["plain", "piecewise_linear", "periodic"] = Field(
        "plain", description="A code of each number beside its value.", json_schema_extra=ADVANCED
    )
    loss: Literal["squared", "huber"] = Field(
        "squared", description="Loss of a number; huber is calmer on outliers.", json_schema_extra=ADVANCED
    )
    score: Literal["reconstruction", "reconstruction_and_knn"] = Field(
        "reconstruction_and_knn",
        description="What a row's score adds up: reconstruction errors, and the distance to remembered training rows.",
    )
    knn_reference_rows: int = Field(
        5000, ge=10, le=50_000, description="Training rows remembered for that distance.", json_schema_extra=ADVANCED
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="Which weights become the artifact: the last, or those of the lowest loss on held-out rows.",
        json_schema_extra=ADVANCED,
    )
    min_count: int = Field(
        2,
        ge=1,
        le=100_000,
        description="Rows a category needs for an id of its own; the others share one.",
        json_schema_extra=ADVANCED,
    )
    max_categories: int = Field(
        1000, ge=2, le=50_000, description="Ids that a column has at most.", json_schema_extra=ADVANCED
    )

    @field_validator("noise_levels")
    @classmethod
    def _levels(cls, words: str) -> str:
        parts = [part.strip() for part in words.split(",") if part.strip()]
        if not 1 <= len(parts) <= 16 or not all(re.fullmatch(r"\d{1,3}(\.\d+)?|\.\d+", part) for part in parts):
            raise ValueError("should be 1 to 16 numbers from 0 up, separated by commas")
        return words

    @property
    def noise(self) -> tuple[float, ...]:
        return tuple(float(part) for part in self.noise_levels.split(",") if part.strip())

    @property
    def evaluation_interval(self) -> int:
        return self.eval_every or max(1, self.steps // 4)
