"""Settings of `pretrain`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plugins.bert_finetune.settings import NetworkSettings
from training.settings import ADVANCED, FILE

SIZES = {"bert-base": (12, 12, 768), "bert-large": (24, 16, 1024)}  # layers, heads, width


class PretrainSettings(NetworkSettings):
    """Settings of `pretrain`."""

    data: str = Field(
        "",
        description="The corpus: a text file (a paragraph a line, a blank line between documents), or a table with a column of texts.",
        json_schema_extra=FILE,
    )
    text_column: str = Field(
        "", max_length=200, description="Column that holds the texts, where the corpus is a table. Empty: guessed."
    )
    next_objective: Literal["nsp", "sop", "none"] = Field(
        "nsp",
        description="Second objective: nsp, does B follow A or come from elsewhere; sop, are A and B in order; none, masked words only.",
    )
    mask_unit: Literal["token", "whole_word", "span"] = Field(
        "token", description="What is masked together: single tokens, whole words, or spans of words."
    )
    size: Literal["custom", "bert-base", "bert-large"] = Field(
        "custom",
        description="From scratch: bert-base is 12 layers, 12 heads, width 768 (110 M parameters), bert-large 24, 16, 1024 (340 M); custom takes the numbers below.",
    )
    mask_share: float = Field(
        0.15, gt=0, le=0.9, description="Share of the tokens to predict.", json_schema_extra=ADVANCED
    )
    neighbour_heads: bool = Field(
        True,
        description="From scratch: some heads begin by looking at neighbouring tokens, so that word order is learned much sooner.",
        json_schema_extra=ADVANCED,
    )
    cooccurrence_start: bool = Field(
        False,
        description="Word embeddings begin as co-occurrence vectors of the corpus, in the place of random ones or of those of model.",
        json_schema_extra=ADVANCED,
    )
    embedding_rate: float = Field(
        1.0,
        ge=0,
        le=10,
        description="Learning rate of the word embeddings, as a multiple of learning_rate. 0: they stay as they begin.",
        json_schema_extra=ADVANCED,
    )
    bag_of_words: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of a third objective: the first token's vector, which a classifier reads, must tell the words of the row (Ma et al., 2024). 0: none.",
        json_schema_extra=ADVANCED,
    )
    mean_of_words: float = Field(
        0.0,
        ge=0,
        le=10,
        description="Weight of a fourth objective: that vector must tell the mean of the word embeddings of the row. 0: none.",
        json_schema_extra=ADVANCED,
    )
    probe_data: str = Field(
        "",
        description="A small table of labelled texts: what a linear probe reads from the frozen vectors is shown while it trains.",
        json_schema_extra={**FILE, **ADVANCED},
    )
    probe_rows: int = Field(
        400, ge=20, le=5000, description="Rows of the probe file that are used.", json_schema_extra=ADVANCED
    )
    eval_rows: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Held-out rows scored at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )

    def sized(self) -> PretrainSettings:
        """With the layers, heads and width of the chosen size written out."""
        layers, heads, width = SIZES.get(self.size, (self.layers, self.heads, self.hidden_size))
        return self.model_copy(update={"layers": layers, "heads": heads, "hidden_size": width})
