"""Settings of `tag`."""

from __future__ import annotations

from pydantic import Field

from plugins.bert_finetune.settings import LinearProbingFirst, NetworkSettings
from training.settings import ADVANCED, TableData


class TagSettings(
    NetworkSettings,
    TableData,
    LinearProbingFirst,
    descriptions={
        "data": "CoNLL (a word and its tag per line, a blank line between sentences), or a table: tokens and tags, "
        "or text and spans."
    },
):
    """Settings of `tag`."""

    tokens_column: str = Field(
        "",
        max_length=200,
        description="Column of the tokens, a list per row. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    tags_column: str = Field(
        "", max_length=200, description="Column of the tags, one per token. Empty: guessed.", json_schema_extra=ADVANCED
    )
    text_column: str = Field(
        "",
        max_length=200,
        description="Column of the texts, if entities are given as spans. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    spans_column: str = Field(
        "",
        max_length=200,
        description="Column of the spans (start, end, label; offsets in characters). Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    repair_tags: bool = Field(
        True,
        description="Read an I- tag without a preceding B- as B-, and keep the longest of overlapping spans; if off, "
        "such rows stop the run.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True,
        description="Exclude evaluation sentences that also occur in the training file.",
        json_schema_extra=ADVANCED,
    )
