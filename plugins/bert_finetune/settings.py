"""Settings that all kinds share: sequence length, dropout, and the size of a network trained from scratch."""

from __future__ import annotations

from pydantic import Field, model_validator

from training.settings import ADVANCED, HalfPrecision, LargeNetwork, Lora, RunSettings, StartingWeights, TrainSettings


class LinearProbingFirst(RunSettings):
    """Mix-in: a new head is fitted on frozen features before fine-tuning (LP-FT)."""

    lp_ft: bool = Field(
        True,
        description="Linear probing, then fine-tuning (Kumar et al., 2022): fit a new head on the frozen features of "
        "pre-trained weights first; helps most with few labels.",
        json_schema_extra=ADVANCED,
    )


class NetworkSettings(TrainSettings, StartingWeights, HalfPrecision, LargeNetwork):
    """Sequence length, dropout, and the size of a network trained from scratch."""

    max_length: int = Field(
        128, ge=4, le=8192, description="Maximum tokens per text, or per pair of texts; longer inputs are truncated."
    )
    dropout: float = Field(
        0.1, ge=0, lt=1, description="Dropout probability of hidden values.", json_schema_extra=ADVANCED
    )
    attention_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Dropout probability of attention weights; above 0, a CPU cannot use its fused attention kernel.",
        json_schema_extra=ADVANCED,
    )
    layers: int = Field(
        2,
        ge=1,
        le=48,
        description="From scratch: Transformer layers (BERT-base has 12, BERT-large 24).",
        json_schema_extra=ADVANCED,
    )
    heads: int = Field(
        4, ge=1, le=64, description="From scratch: attention heads per layer.", json_schema_extra=ADVANCED
    )
    hidden_size: int = Field(
        128,
        ge=8,
        le=4096,
        description="From scratch: width of the hidden states, a multiple of heads.",
        json_schema_extra=ADVANCED,
    )
    vocabulary_size: int = Field(
        8000,
        ge=100,
        le=200_000,
        description="From scratch: sub-words in the vocabulary that is learned from the training texts.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> NetworkSettings:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        return self


class FineTuningSettings(
    NetworkSettings,
    Lora,
    descriptions={
        "lora_rank": "Rank of LoRA adapters, which train about 1 % of the weights (Hu et al., 2022). 0: all."
    },
):
    """What the kinds that fine-tune an encoder share: the network, or low-rank adapters of it."""
