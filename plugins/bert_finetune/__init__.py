"""Bidirectional encoders (Devlin et al., 2019): fine-tuned on your labelled texts, from any encoder or from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Card, Plugin, Trainer, Workbench
from plugins.bert_finetune import endpoints
from plugins.bert_finetune.settings import ClassifySettings, PretrainSettings
from training.preflight import Sheet
from training.task import Task


def check_classify(settings: ClassifySettings) -> Sheet:
    """Read the data and report on it; see `rows.read`."""
    from plugins.bert_finetune.classify.rows import check

    return check(settings)


def build_classify(settings: ClassifySettings) -> Task:
    """The task of `classify`."""
    from plugins.bert_finetune.classify.task import build

    return build(settings)


def check_pretrain(settings: PretrainSettings) -> Sheet:
    """Read the corpus and report on it."""
    from plugins.bert_finetune.pretrain.corpus import check_documents, read_documents

    documents, notices = read_documents(settings, settings.data)
    return Sheet((*notices, *check_documents(documents, settings)))


def build_pretrain(settings: PretrainSettings) -> Task:
    """The task of `pretrain`."""
    from plugins.bert_finetune.pretrain.task import build

    return build(settings)


def load(folder: Path) -> Any:
    """An artifact, or any folder of an encoder that transformers reads, as what its architecture is for."""
    from plugins.bert_finetune.recognise import load_as_made

    return load_as_made(folder)


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
                "plugins.bert_finetune.classify.task",
                "plugins.bert_finetune.encoder",
                "sklearn.metrics",
                "transformers.models.bert.modeling_bert",
                "transformers.models.auto.modeling_auto",
            ),
        ),
        Trainer(
            "pretrain",
            "Pre-train on plain text",
            PretrainSettings,
            build_pretrain,
            check_pretrain,
            preload=("plugins.bert_finetune.pretrain.task",),
        ),
    ),
    load=load,
    endpoints=(
        endpoints.classify,
        endpoints.classify_file,
        endpoints.explain,
        endpoints.fill_mask,
        endpoints.next_sentence,
        endpoints.embed,
    ),
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
