"""Settings of `answer`."""

from __future__ import annotations

from pydantic import Field, model_validator

from plugins.bert_finetune.settings import FineTuningSettings
from training.settings import ADVANCED, TableData


class AnswerSettings(
    FineTuningSettings,
    TableData,
    descriptions={
        "data": "Questions: SQuAD JSON (version 1 or 2), or a table with the columns question, context and answer."
    },
):
    """Settings of `answer`."""

    max_length: int = Field(
        256, ge=16, le=8192, description="Maximum tokens per window: the question and a part of its context."
    )
    stride: int = Field(
        64,
        ge=0,
        le=4096,
        description="Tokens that consecutive windows of a long context share.",
        json_schema_extra=ADVANCED,
    )
    max_question_length: int = Field(
        64,
        ge=4,
        le=1024,
        description="Maximum tokens per question; longer questions are truncated.",
        json_schema_extra=ADVANCED,
    )
    max_answer_length: int = Field(
        0,
        ge=0,
        le=512,
        description="Maximum tokens per answer; a longer one can never be given. 0: that of the longest training "
        "answer, at least 30.",
        json_schema_extra=ADVANCED,
    )
    matching_head_init: bool = Field(
        False,
        description="Initialise one attention head of a BERT to find the words of the question in the context: for a "
        "network that has answered no questions yet and is too small, or read too little, to have learned it.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _adapters_keep_the_heads(self) -> AnswerSettings:
        if self.matching_head_init and self.lora_rank:
            raise ValueError(
                f"matching_head_init changes weights that lora_rank {self.lora_rank} keeps as they are: leave out one "
                "of the two"
            )
        return self
