"""Settings of `shots`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from plugins.gpt_prompting.models.hosted_servers import parse_name
from training.errors import UserError
from training.settings import ADVANCED, HOSTED, WEIGHTS_OR_HOSTED, TableData


class ShotsSettings(
    TableData,
    descriptions={
        "seed": "Seed of the split and of the selections of examples.",
        "data": "Labelled rows: CSV, TSV, JSONL or Parquet with a column for each variable of the template, and one "
        "of labels.",
        "eval_data": "Rows to evaluate on. Empty: rows of the file that no example is selected from.",
    },
):
    """Settings of `shots`, which evaluates and trains nothing."""

    model: str = Field(
        "",
        max_length=300,
        description="The model to prompt: a starter, a run's id, a Hub id (owner/repo@revision), or a hosted one "
        "(hosted:model@https://server/v1). Empty: the starter.",
        json_schema_extra=WEIGHTS_OR_HOSTED,
    )
    eval_share: float = Field(
        0.5,
        ge=0.05,
        le=0.95,
        description="Share of the rows to evaluate on when there is no evaluation file; examples are selected from "
        "the others.",
        json_schema_extra=ADVANCED,
    )
    shots: str = Field(
        "0, 1, 2, 4, 8", max_length=100, description="Numbers of examples in the prompt, comma-separated."
    )
    seeds: int = Field(
        3, ge=1, le=50, description="Selections of examples, each with its own seed, for the confidence intervals."
    )
    permutations: int = Field(2, ge=1, le=20, description="Orders in which the examples of a selection are shown.")
    selection: Literal["balanced", "random", "nearest", "nearest_words"] = Field(
        "balanced",
        description="Selection of examples: balanced by label, random, or nearest to each row by the model's "
        "embeddings (nearest) or by TF-IDF (nearest_words).",
    )
    template: str = Field(
        "Text: {text}\\nLabel: {label}",
        max_length=4000,
        description="How a row is written: variables in braces, named like columns, and {label} last; \\n is a new "
        "line.",
    )
    instruction: str = Field("", max_length=4000, description="Written once, before the examples.")
    labels: str = Field(
        "",
        max_length=8000,
        description="Labels, comma-separated, optionally with other words for the prompt: good=great, bad=terrible. "
        'Those with a comma in quotes ("yes, please", no), one a line, or as a JSON list or object. Empty: those of '
        "the file.",
    )
    label_column: str = Field("", max_length=200, description="Column of the labels. Empty: guessed.")
    calibrate: Literal["none", "contextual", "domain", "examples", "pmi"] = Field(
        "none",
        description="Calibration against what the model predicts regardless of the input: contextual (Zhao et al., "
        "2021), domain (random words of the examples: Fei et al., 2023), PMI (Holtzman et al., 2021), or examples: "
        "domain, and the similarity to each label's examples by embedding and words (Shi et al., 2022).",
    )
    random_labels: bool = Field(
        True,
        description="Evaluate also with random labels in the examples (Min et al., 2022): the accuracy that remains "
        "is not learned from them.",
    )
    eval_rows: int = Field(200, ge=2, le=100_000, description="Maximum rows to evaluate on, stratified by label.")
    fine_tuned_run: str = Field(
        "",
        max_length=100,
        description="A label-efficiency run of the BERT tab on the same labels, to compare fine-tuning with "
        "prompting. Empty: none.",
    )

    @model_validator(mode="after")
    def _check_hosted_name(self) -> ShotsSettings:
        if self.model.startswith(HOSTED):
            try:
                parse_name(self.model)
            except UserError as error:
                raise ValueError(f"model: {error}".rstrip(".")) from None
        return self
