"""Settings of `classify`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plugins.bert_finetune.settings import HEAD_FIRST, NetworkSettings
from training.settings import ADVANCED


class ClassifySettings(NetworkSettings):
    """Settings of `classify`."""

    text_column: str = Field(
        "", max_length=200, description="Column that holds the text. Empty: guessed from the names and the content."
    )
    text_pair_column: str = Field(
        "",
        max_length=200,
        description="Column that holds the second text of a pair. Empty: guessed from well-known names, else single texts.",
    )
    label_column: str = Field("", max_length=200, description="Column that holds the label. Empty: guessed.")
    multi_label: bool = Field(False, description="Whether a text may carry several labels at once.")
    label_separator: str = Field(
        "|",
        min_length=1,
        max_length=3,
        description="What stands between the labels of one text when there are several.",
        json_schema_extra=ADVANCED,
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: each class counts the same in the loss, however rare it is.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True, description="Leave evaluation texts out that also occur in the training file.", json_schema_extra=ADVANCED
    )
    head_first: bool = HEAD_FIRST
    shuffled_words: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the training texts whose words are put in random order each time: with few labels what is said is learned, not each text by heart.",
        json_schema_extra=ADVANCED,
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=256,
        description="Rank of LoRA adapters, which train about 1 % of the weights (Hu et al., 2022). 0: train all.",
        json_schema_extra=ADVANCED,
    )
