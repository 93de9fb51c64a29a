"""The settings of `shots`; cheap to import."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from training.settings import ADVANCED, FILE, WEIGHTS_OR_HOSTED, TrainSettings


class ShotsSettings(TrainSettings):
    """Settings of `shots`. Nothing is trained, so what only training needs is not on its form."""

    unused: ClassVar[frozenset[str]] = frozenset(
        {
            "steps", "batch_size", "learning_rate", "precision", "patience", "time_limit", "gradient_accumulation", "schedule",
            "warmup_ratio", "weight_decay", "max_grad_norm", "ema_decay", "eval_every", "checkpoint_every",
            "keep_checkpoints", "processes", "tracker", "backup", "dataset",
        }
    )  # fmt: skip

    model: str = Field(
        "",
        max_length=300,
        description="The model to prompt: a starter, a run's id, a Hub id (owner/repo@revision), or a hosted one (hosted:model@https://server/v1). Empty: the starter.",
        json_schema_extra=WEIGHTS_OR_HOSTED,
    )
    data: str = Field(
        "",
        description="Labelled rows: CSV, TSV, JSONL or Parquet with a column for each of the template's variables, and one of labels.",
        json_schema_extra=FILE,
    )
    eval_data: str = Field(
        "",
        description="Rows to measure on. Empty: those of the file that no example is drawn from.",
        json_schema_extra=FILE,
    )
    eval_share: float = Field(
        0.5,
        ge=0.05,
        le=0.95,
        description="Share of the rows that are measured on when there is no evaluation file; examples come from the others.",
        json_schema_extra=ADVANCED,
    )
    shots: str = Field(
        "0, 1, 2, 4, 8", max_length=100, description="Numbers of examples in the prompt, comma-separated."
    )
    draws: int = Field(3, ge=1, le=50, description="Draws of the examples, for the confidence intervals.")
    orders: int = Field(2, ge=1, le=20, description="Orders that the examples of a draw are shown in.")
    choice: Literal["balanced", "random", "nearest", "nearest_words"] = Field(
        "balanced", description="How examples are chosen: as even by label as can be, at random, or those nearest to each row: by the model's vectors, or by their words."
    )  # fmt: skip
    template: str = Field(
        "Text: {text}\\nLabel: {label}",
        max_length=4000,
        description="How a row is written, with {label} and a variable for each column it needs; \\n is a new line.",
    )
    instruction: str = Field("", max_length=4000, description="Said once, before the examples.")
    labels: str = Field(
        "",
        max_length=8000,
        description="Labels, comma-separated, each with other words for it where wanted: good=great, bad=terrible. Empty: those of the file.",
    )
    label_column: str = Field("", max_length=200, description="Column of the labels. Empty: guessed.")
    calibrate: Literal["none", "contextual", "pmi"] = Field(
        "none",
        description="Correction for what the model says anyway: contextual (Zhao et al., 2021) or PMI (Holtzman et al., 2021).",
    )
    shuffled_labels: bool = Field(
        True,
        description="Measure also with the examples' labels in random order (Min et al., 2022): what is left is not learned from them.",
    )
    eval_rows: int = Field(200, ge=2, le=100_000, description="Rows measured on, class by class, at most.")
    fine_tuned_run: str = Field(
        "",
        max_length=100,
        description="A run of the BERT tab's 'Was the pre-training worth it?' on the same labels, to compare with. Empty: none.",
    )
