"""Settings of `encode`."""

from __future__ import annotations

from pydantic import Field, model_validator

from plugins.bert_finetune.settings import NetworkSettings
from training.settings import ADVANCED, TextData


class EncodeSettings(
    NetworkSettings,
    TextData,
    descriptions={
        "data": "Plain text (one paragraph per line), or a table with a column of texts; every sentence is a row.",
        "eval_data": "A table of two text columns and a column that says how alike the two texts are: the rank "
        "correlation of the cosines with it is measured. Empty: sentences are held out, which says little.",
        "max_length": "Maximum tokens per sentence; longer ones are truncated.",
        "dropout": "Dropout probability of hidden values: what makes two vectors of one sentence.",
    },
):
    """Settings of `encode`."""

    max_length: int = Field(64, ge=4, le=8192, description="Maximum tokens per sentence.")
    temperature: float = Field(
        0.05,
        gt=0,
        le=1,
        description="Divides the cosines before their softmax; lower ones weigh the most similar sentences more.",
        json_schema_extra=ADVANCED,
    )
    score_column: str = Field(
        "",
        max_length=200,
        description="Column of eval_data that says how alike the texts are. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _has_dropout(self) -> EncodeSettings:
        if not self.dropout and not self.attention_dropout:
            raise ValueError("dropout makes the two vectors of a sentence that are drawn together: set it above 0")
        return self
