"""Settings of `translate`."""

from __future__ import annotations

from pydantic import Field

from plugins.bert_finetune.settings import NetworkSettings
from training.settings import ADVANCED, FILE, WEIGHTS


class TranslateSettings(NetworkSettings):
    """Settings of `translate`."""

    data: str = Field(
        "",
        description="Pairs of texts: a table with two columns, or the first of two parallel text files, a sentence a line.",
        json_schema_extra=FILE,
    )
    target_data: str = Field(
        "", description="The second parallel file: the translations, line by line.", json_schema_extra=FILE
    )
    eval_target_data: str = Field(
        "",
        description="The translations of eval_data, where that is a text file.",
        json_schema_extra={**FILE, **ADVANCED},
    )
    source_column: str = Field(
        "", max_length=200, description="Column of the texts (or their language). Empty: guessed."
    )
    target_column: str = Field(
        "", max_length=200, description="Column of the translations (or their language). Empty: guessed."
    )
    max_length: int = Field(
        64, ge=4, le=8192, description="Tokens of a text, and of its translation; what is longer is cut."
    )
    decoder_model: str = Field(
        "",
        max_length=300,
        description="What the decoder starts from: a BERT of the target language, with its own vocabulary. Empty: the weights of `model`, or a new decoder.",
        json_schema_extra=WEIGHTS,
    )
    decoder_layers: int = Field(
        2, ge=1, le=48, description="From scratch: layers of the decoder.", json_schema_extra=ADVANCED
    )
    beams: int = Field(4, ge=1, le=16, description="Translations followed at once when held-out texts are translated.")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Share of the target that is spread over all words.", json_schema_extra=ADVANCED
    )
    prefix: str = Field(
        "",
        max_length=200,
        description="Put before every text; T5 wants its task there: 'translate English to German: '.",
        json_schema_extra=ADVANCED,
    )
    eval_rows: int = Field(
        200,
        ge=1,
        le=100_000,
        description="Held-out pairs translated at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )
