"""Settings of `translate`."""

from __future__ import annotations

from pydantic import Field

from plugins.bert_finetune.settings import NetworkSettings
from training.settings import ADVANCED, FILE, WEIGHTS, TableData


class TranslateSettings(
    NetworkSettings,
    TableData,
    defaults={"max_length": 64},
    fixed=("sharding",),  # processes that share weights go forward together, and generation ends when it ends
    descriptions={
        "data": "Pairs of texts: a table with two columns, or the source side of two parallel text files, one "
        "sentence per line.",
        "max_length": "Maximum tokens per text and per translation; longer ones are truncated.",
    },
):
    """Settings of `translate`."""

    target_data: str = Field(
        "",
        description="The target side of two parallel text files: the translations, line by line.",
        json_schema_extra=FILE,
    )
    eval_target_data: str = Field(
        "",
        description="The translations of eval_data, if that is a text file.",
        json_schema_extra={**FILE, **ADVANCED},
    )
    source_column: str = Field(
        "", max_length=200, description="Column (or language) of the source texts. Empty: guessed."
    )
    target_column: str = Field(
        "", max_length=200, description="Column (or language) of the translations. Empty: guessed."
    )
    decoder_model: str = Field(
        "",
        max_length=300,
        description="Weights that the decoder starts from: a BERT of the target language, with its own vocabulary. "
        "Empty: the weights of `model`, or a new decoder.",
        json_schema_extra=WEIGHTS,
    )
    decoder_layers: int = Field(
        2, ge=1, le=48, description="From scratch: layers of the decoder.", json_schema_extra=ADVANCED
    )
    beams: int = Field(4, ge=1, le=16, description="Beam size when held-out texts are translated.")
    label_smoothing: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Label smoothing: probability mass spread over the whole vocabulary.",
        json_schema_extra=ADVANCED,
    )
    prefix: str = Field(
        "",
        max_length=200,
        description="Text put before every source text; T5 expects its task there: 'translate English to German: '.",
        json_schema_extra=ADVANCED,
    )
    eval_rows: int = Field(
        200,
        ge=1,
        le=100_000,
        description="Maximum held-out pairs translated at each evaluation.",
        json_schema_extra=ADVANCED,
    )
