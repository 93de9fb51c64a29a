"""The settings of every trainer of the encoder; cheap to import."""

from __future__ import annotations

from pydantic import Field, model_validator

from training.settings import ADVANCED, TrainSettings

HEAD_FIRST: bool = Field(
    True,
    description="From pre-trained weights: fit the new head on the frozen vectors before all weights are trained (Kumar et al., 2022); it helps most where labels are few.",
    json_schema_extra=ADVANCED,
)


class NetworkSettings(TrainSettings):
    """Length, dropout, and the size of a network that is made from scratch."""

    max_length: int = Field(
        128, ge=4, le=8192, description="Tokens of a text, or of both texts of a pair together; what is longer is cut."
    )
    dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of hidden values dropped at each step.", json_schema_extra=ADVANCED
    )
    attention_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of attention weights dropped at each step; above 0 a CPU cannot use its fused attention kernel.",
        json_schema_extra=ADVANCED,
    )
    layers: int = Field(
        2,
        ge=1,
        le=48,
        description="From scratch: Transformer layers (BERT-base has 12, BERT-large 24).",
        json_schema_extra=ADVANCED,
    )
    heads: int = Field(4, ge=1, le=64, description="From scratch: attention heads a layer.", json_schema_extra=ADVANCED)
    hidden_size: int = Field(
        128,
        ge=8,
        le=4096,
        description="From scratch: width of the hidden states, a multiple of the heads.",
        json_schema_extra=ADVANCED,
    )
    vocabulary_size: int = Field(
        8000,
        ge=100,
        le=200_000,
        description="From scratch: word pieces learned from the training texts.",
        json_schema_extra=ADVANCED,
    )

    half_precision: bool = Field(
        False, description="Save the weights as 16-bit numbers: half the size.", json_schema_extra=ADVANCED
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> NetworkSettings:
        if self.hidden_size % self.heads:
            raise ValueError(f"is no multiple of heads: hidden_size {self.hidden_size}, heads {self.heads}")
        return self
