"""Settings of `classify`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from plugins.bert_finetune.settings import FineTuningSettings, LinearProbingFirst
from training.settings import ADVANCED, FILES, HOSTED, HOSTED_NAME, TableData, decided_later, weights_of


class ClassifySettings(FineTuningSettings, TableData, LinearProbingFirst):
    """Settings of `classify`."""

    related_data: str = Field(
        "",
        description="Labelled rows of a related task with the same label names, or a zip of several such files, one a "
        "task: at the end the best weights are also scored on them, to see whether they carry over. Nothing is trained "
        "on them.",
        json_schema_extra={**FILES, **ADVANCED},
    )
    prompted_model: str = Field(
        "",
        max_length=300,
        description="A GPT to be prompted on the rows of related_data and on held-out rows, beside the classifier: the "
        "starter tales, a run of GPT or a Hub id. Empty: none.",
        json_schema_extra={**weights_of("gpt_prompting"), **ADVANCED},
    )
    hosted_model: str = Field(
        "",
        max_length=300,
        description="A hosted model to be prompted likewise (hosted:model@https://server/v1): texts of your files are "
        "sent to that server, see prompted_rows. Empty: nothing is sent.",
        json_schema_extra={**HOSTED_NAME, **ADVANCED},
    )
    prompted_examples: int = Field(
        8,
        ge=0,
        le=64,
        description="Training rows that a prompt shows as examples; it is measured without any too. 0: only without.",
        json_schema_extra=ADVANCED,
    )
    prompted_rows: int = Field(
        200,
        ge=10,
        le=2000,
        description="Rows of each task that a prompted model labels, drawn at random: a hosted one is asked this often "
        "for each task, and again with examples.",
        json_schema_extra=ADVANCED,
    )
    text_column: str = Field(
        "", max_length=200, description="Column of the texts. Empty: guessed from names and content."
    )
    text_pair_column: str = Field(
        "",
        max_length=200,
        description="Column of the second text of a pair. Empty: guessed from well-known names, else single texts.",
    )
    label_column: str = Field(
        "",
        max_length=1000,
        description="Column of the labels; multi-label also several of 0 and 1, with commas between. Empty: guessed.",
    )
    multi_label: bool = Field(False, description="Whether a text can have several labels at once.")
    label_separator: str = Field(
        "|",
        min_length=1,
        max_length=3,
        description="Multi-label: separator between the labels of a text.",
        json_schema_extra=ADVANCED,
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: weight the loss by inverse class frequency, so that rare classes count as much as "
        "frequent ones.",
        json_schema_extra=ADVANCED,
    )
    pooling: Literal["auto", "first", "mean"] = Field(
        "auto",
        description="Vector that the head reads: of the first token, as BERT was trained, or the mean of all tokens, "
        "as sentence encoders were. auto: as the weights say.",
        json_schema_extra=ADVANCED,
    )
    contrastive: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Train the encoder to put texts of a class close together, then fit the head by logistic "
        "regression; better than fine-tuning where labels are few. auto: on for a sentence encoder and few labels.",
        json_schema_extra={**decided_later("off"), **ADVANCED},
    )
    frozen_encoder: bool = Field(
        False,
        description="Keep the encoder as it is and fit the head alone, by logistic regression on its vectors: a matter "
        "of seconds. Needs weights to start from.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True, description="Exclude evaluation texts that also occur in the training file.", json_schema_extra=ADVANCED
    )
    word_shuffle_probability: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Data augmentation: probability per step that the words of a training text are shuffled; reduces "
        "memorisation when labels are few.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _contrastive_has_one_label(self) -> ClassifySettings:
        if self.contrastive == "on" and self.multi_label:
            raise ValueError("contrastive compares texts by their one label: set it to off where texts have several")
        return self

    @model_validator(mode="after")
    def _related_data_has_one_label(self) -> ClassifySettings:
        if self.related_data and self.multi_label:
            raise ValueError("related_data is scored by one label a text: leave it out, or set multi_label to off")
        return self

    @model_validator(mode="after")
    def _prompted_model_has_rows_to_label(self) -> ClassifySettings:
        asked = [name for name in ("prompted_model", "hosted_model") if getattr(self, name)]
        if asked and not self.related_data and "related_data" in self.settable_fields():
            raise ValueError(f"{asked[0]} is compared on related_data: give such a file, or leave {asked[0]} out")
        if self.hosted_model and not self.hosted_model.startswith(HOSTED):
            raise ValueError(
                f"hosted_model: {self.hosted_model[:80]!r} was given; {HOSTED}model@https://server/v1 was expected"
            )
        return self

    @model_validator(mode="after")
    def _frozen_encoder_has_weights_and_one_label(self) -> ClassifySettings:
        if self.frozen_encoder and (self.multi_label or not self.model):
            what = "one label a text" if self.multi_label else "weights to start from: choose a model"
            raise ValueError(f"frozen_encoder needs {what}")
        if self.frozen_encoder and self.processes > 1:
            raise ValueError("frozen_encoder trains nothing: set processes to 1")
        return self
