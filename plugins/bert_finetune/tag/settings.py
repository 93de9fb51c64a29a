"""Settings of `tag`."""

from __future__ import annotations

from pydantic import Field

from plugins.bert_finetune.settings import HEAD_FIRST, NetworkSettings
from training.settings import ADVANCED, FILE


class TagSettings(NetworkSettings):
    """Settings of `tag`."""

    data: str = Field(
        "",
        description="CoNLL (a word and its tag a line, a blank line between sentences), or a table: tokens and tags, or text and spans.",
        json_schema_extra=FILE,
    )
    tokens_column: str = Field(
        "",
        max_length=200,
        description="Column of the tokens, a list a row. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    tags_column: str = Field(
        "", max_length=200, description="Column of the tags, one a token. Empty: guessed.", json_schema_extra=ADVANCED
    )
    text_column: str = Field(
        "",
        max_length=200,
        description="Column of the texts, where entities are spans. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    spans_column: str = Field(
        "",
        max_length=200,
        description="Column of the spans (start, end, label; in characters). Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    repair_tags: bool = Field(
        True,
        description="Read an I- tag with nothing to continue as B-, and keep the longest of overlapping spans; otherwise such rows stop the run.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True,
        description="Leave evaluation sentences out that also occur in the training file.",
        json_schema_extra=ADVANCED,
    )
    head_first: bool = HEAD_FIRST
