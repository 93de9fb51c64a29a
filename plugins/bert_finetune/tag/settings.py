"""Settings of `tag`."""

from __future__ import annotations

from pydantic import Field

from plugins.bert_finetune.settings import FineTuningSettings, LinearProbingFirst
from training.settings import ADVANCED, TableData


class TagSettings(
    FineTuningSettings,
    TableData,
    LinearProbingFirst,
    descriptions={
        "data": "CoNLL (a word and its tag per line, a blank line between sentences), a table (tokens and tags, one "
        "word per row with a sentence id, or text and spans), or the JSON of Label Studio, doccano, Prodigy or spaCy."
    },
):
    """Settings of `tag`."""

    tokens_column: str = Field(
        "",
        max_length=200,
        description="Column of the tokens, a list or one word per row; of a CoNLL file its number, from 1. Empty: "
        "guessed.",
        json_schema_extra=ADVANCED,
    )
    tags_column: str = Field(
        "",
        max_length=200,
        description="Column of the tags, one per token; of a CoNLL file its number, from 1. Empty: guessed.",
        json_schema_extra=ADVANCED,
    )
    sentence_column: str = Field(
        "",
        max_length=200,
        description="Column of the sentence ids, if a row holds one word. Empty: guessed.",
        json_schema_extra=ADVANCED,
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
    tag_names: str = Field(
        "",
        max_length=10_000,
        description="Names of the tags if the file has class ids, in the order of the ids, separated by commas: "
        "O, B-PER, I-PER. Empty: those that a Parquet file holds.",
        json_schema_extra=ADVANCED,
    )
    outside_tag: str = Field(
        "",
        max_length=60,
        description="How the file writes O, the tag of words outside entities: NONE, _. Empty: O.",
        json_schema_extra=ADVANCED,
    )
    repair_tags: bool = Field(
        True,
        description="Read an I- tag without a preceding B- as B-, keep the longest of overlapping spans, and move "
        "spans to the text that they quote; if off, such rows stop the run.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True,
        description="Exclude evaluation sentences that also occur in the training file.",
        json_schema_extra=ADVANCED,
    )
