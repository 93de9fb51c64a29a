"""Settings of `pretrain`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plugins.bert_finetune.settings import NetworkSettings
from training.settings import ADVANCED, FILE, StreamedText

SIZES = {"bert-base": (12, 12, 768), "bert-large": (24, 16, 1024)}  # layers, heads, width


class PretrainSettings(
    NetworkSettings,
    StreamedText,
    descriptions={
        "data": "The corpus: a text file (one paragraph per line, a blank line between documents), or a table with a "
        "column of texts."
    },
):
    """Settings of `pretrain`."""

    sentence_objective: Literal["nsp", "sop", "none"] = Field(
        "nsp",
        description="Objective on sentence pairs: nsp, next sentence prediction; sop, sentence order prediction; "
        "none, masked language modelling only.",
    )
    masking: Literal["token", "whole_word", "span"] = Field(
        "token", description="Unit of masking: single tokens, whole words, or spans of words."
    )
    size: Literal["custom", "bert-base", "bert-large"] = Field(
        "custom",
        description="From scratch: bert-base is 12 layers, 12 heads, width 768 (110 M parameters), bert-large 24, "
        "16, 1024 (340 M); custom: layers, heads and hidden_size.",
    )
    mask_ratio: float = Field(
        0.15, gt=0, le=0.9, description="Share of the tokens that are masked and predicted.", json_schema_extra=ADVANCED
    )
    previous_token_head_init: bool = Field(
        True,
        description="From scratch: initialise some heads to attend to neighbouring tokens, so that word order is "
        "learned much sooner.",
        json_schema_extra=ADVANCED,
    )
    cooccurrence_init: bool = Field(
        False,
        description="Initialise the word embeddings with co-occurrence vectors of the corpus (positive PMI, SVD).",
        json_schema_extra=ADVANCED,
    )
    embedding_lr_multiplier: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Learning rate of the word embeddings, as a multiple of learning_rate. 0: frozen.",
        json_schema_extra=ADVANCED,
    )
    bag_of_words_loss_weight: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of a bag-of-words prediction loss on the [CLS] vector (Ma et al., 2024). 0: off.",
        json_schema_extra=ADVANCED,
    )
    mean_embedding_loss_weight: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of a regression loss from the [CLS] vector to the mean word embedding of the text. 0: off.",
        json_schema_extra=ADVANCED,
    )
    probe_data: str = Field(
        "",
        description="A small table of labelled texts: the accuracy of a linear probe on the frozen sentence vectors "
        "is reported during training.",
        json_schema_extra={**FILE, **ADVANCED},
    )
    probe_rows: int = Field(
        400, ge=20, le=5000, description="Maximum rows of probe_data that are used.", json_schema_extra=ADVANCED
    )
    eval_rows: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Maximum held-out rows scored at each evaluation.",
        json_schema_extra=ADVANCED,
    )

    def sized(self) -> PretrainSettings:
        """Return a copy with the layers, heads and width of the chosen size."""
        layers, heads, width = SIZES.get(self.size, (self.layers, self.heads, self.hidden_size))
        return self.model_copy(update={"layers": layers, "heads": heads, "hidden_size": width})
