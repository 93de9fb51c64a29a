"""Bidirectional encoders (Devlin et al., 2019): fine-tuned on your labelled texts, from any encoder or from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from plugins._contract import Card, Plugin, Trainer, Workbench
from plugins.bert_finetune import endpoints
from training.preflight import Sheet
from training.settings import ADVANCED, TrainSettings
from training.task import Task


class ClassifySettings(TrainSettings):
    """Settings of `classify`."""

    text_column: str = Field(
        "", max_length=200, description="Column that holds the text. Empty: guessed from the names and the content."
    )
    text_pair_column: str = Field(
        "",
        max_length=200,
        description="Column that holds the second text of a pair. Empty: guessed from well-known names, else single texts.",
    )
    label_column: str = Field("", max_length=200, description="Column that holds the label. Empty: guessed.")
    multi_label: bool = Field(False, description="Whether a text may carry several labels at once.")
    label_separator: str = Field(
        "|",
        min_length=1,
        max_length=3,
        description="What stands between the labels of one text when there are several.",
        json_schema_extra=ADVANCED,
    )
    max_length: int = Field(
        128, ge=4, le=8192, description="Tokens of a text, or of both texts of a pair together; what is longer is cut."
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: each class counts the same in the loss, however rare it is.",
        json_schema_extra=ADVANCED,
    )
    drop_leaked: bool = Field(
        True, description="Leave evaluation texts out that also occur in the training file.", json_schema_extra=ADVANCED
    )
    lora_rank: int = Field(
        0,
        ge=0,
        le=256,
        description="Rank of LoRA adapters, which train about 1 % of the weights (Hu et al., 2022). 0: train all.",
        json_schema_extra=ADVANCED,
    )
    dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of hidden values dropped at each step.", json_schema_extra=ADVANCED
    )
    attention_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of attention weights dropped at each step; above 0 a CPU cannot use its fused attention kernel.",
        json_schema_extra=ADVANCED,
    )
    layers: int = Field(
        2,
        ge=1,
        le=48,
        description="From scratch: Transformer layers (BERT-base has 12, BERT-large 24).",
        json_schema_extra=ADVANCED,
    )
    heads: int = Field(4, ge=1, le=64, description="From scratch: attention heads a layer.", json_schema_extra=ADVANCED)
    hidden_size: int = Field(
        128,
        ge=8,
        le=4096,
        description="From scratch: width of the hidden states, a multiple of the heads.",
        json_schema_extra=ADVANCED,
    )
    vocabulary_size: int = Field(
        8000,
        ge=100,
        le=200_000,
        description="From scratch: word pieces learned from the training texts.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> ClassifySettings:
        if self.hidden_size % self.heads:
            raise ValueError(f"is no multiple of heads: hidden_size {self.hidden_size}, heads {self.heads}")
        return self


def check_classify(settings: ClassifySettings) -> Sheet:
    """Read the data and report on it; see `rows.read`."""
    from plugins.bert_finetune.rows import check

    return check(settings)


def build_classify(settings: ClassifySettings) -> Task:
    """The task of `classify`."""
    from plugins.bert_finetune.classify import build

    return build(settings)


def load(folder: Path) -> Any:
    """An artifact, or any folder that `AutoModelForSequenceClassification` reads, as a `Classifier`."""
    from plugins.bert_finetune.predictor import Classifier

    return Classifier.load(folder)


def tab(workbench: Workbench) -> None:
    """Draw "Try" and "Look inside"."""
    from plugins.bert_finetune.tab import draw

    draw(workbench)


USAGE = """
from transformers import pipeline

classifier = pipeline("text-classification", model="{repo}", top_k=None)
print(classifier("A film that stays with you."))
"""

# What repositories of sentence encoders and of bare networks name
ENCODERS = tuple(
    f"{name}Model"
    for name in (
        "Bert",
        "Roberta",
        "XLMRoberta",
        "DistilBert",
        "Electra",
        "MPNet",
        "Albert",
        "DebertaV2",
        "ModernBert",
        "Camembert",
    )
)

PLUGIN = Plugin(
    name="bert_finetune",
    title="BERT",
    summary="Teach an encoder that reads in both directions to label your texts: upload a table, watch it learn, try it, call it.",
    trainers=(
        Trainer(
            "classify",
            "Classify texts",
            ClassifySettings,
            build_classify,
            check_classify,
            preload=(
                "plugins.bert_finetune.classify",
                "plugins.bert_finetune.encoder",
                "sklearn.metrics",
                "transformers.models.bert.modeling_bert",
                "transformers.models.auto.modeling_auto",
            ),
        ),
    ),
    load=load,
    endpoints=(endpoints.classify, endpoints.classify_file, endpoints.explain),
    card=Card(
        "text-classification",
        "transformers",
        paper="Devlin et al., 2019, arXiv:1810.04805",
        tags=("bert",),
        usage=USAGE,
        summary="An encoder that reads a text in both directions and labels it.",
        limits=("It always answers with one of its labels, also for a text that none of them fits.",),
    ),
    architectures=("*ForSequenceClassification", "*ForMaskedLM", "*ForPreTraining", *ENCODERS),
    tab=tab,
)
