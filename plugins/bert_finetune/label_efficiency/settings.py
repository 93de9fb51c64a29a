"""Settings of `label_efficiency`."""

from __future__ import annotations

from pydantic import Field

from plugins.bert_finetune.classify.settings import ClassifySettings
from training.settings import ADVANCED, WEIGHTS


class LabelEfficiencySettings(
    ClassifySettings,
    fixed=(
        *("patience", "eval_every", "processes", "multi_label", "label_separator", "sharding", "frozen_encoder"),
        *("related_data", "hosted_model", "prompted_rows"),
    ),
    usual={"steps": 200, "learning_rate": 3e-4},
    descriptions={
        "steps": "Optimiser steps of every training run.",
        "learning_rate": "Peak learning rate of the pre-trained models.",
        "label_column": "Column of the labels. Empty: guessed.",
        "contrastive": "on: also train the pre-trained encoder (own_model where one is named) by comparing texts of a "
        "class, with the steps, batch size and learning rate that classify chooses for as many labels.",
        "prompted_model": "A GPT to be prompted with some of the labels as examples, as an arm of its own: the starter "
        "tales, a run of GPT or a Hub id. Empty: none.",
        "prompted_examples": "Labelled rows that the prompt of that arm shows, or all if there are fewer.",
    },
):
    """Settings of `label_efficiency`."""

    own_model: str = Field(
        "",
        max_length=300,
        description="A second pre-trained model to compare: a run of your own pre-training, another starter such as "
        "all-MiniLM-L6-v2, or a Hub id.",
        json_schema_extra=WEIGHTS,
    )
    shares: str = Field(
        "1, 5, 10, 50, 100",
        max_length=200,
        description="Numbers of labels to train on, in percent of the training rows.",
    )
    seeds: int = Field(
        3,
        ge=1,
        le=20,
        description="Random seeds per number of labels (label subset and initial weights), for confidence intervals.",
    )
    scratch_learning_rate: float = Field(
        5e-4, gt=0, le=10, description="Peak learning rate from scratch.", json_schema_extra=ADVANCED
    )
    tfidf: bool = Field(
        True,
        description="Also fit logistic regression on TF-IDF features, as a baseline without a network.",
        json_schema_extra=ADVANCED,
    )
    eval_rows: int = Field(
        1000,
        ge=10,
        le=100_000,
        description="Maximum held-out rows scored for every training run.",
        json_schema_extra=ADVANCED,
    )
