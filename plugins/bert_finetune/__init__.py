"""Bidirectional encoders (Devlin et al., 2019): pre-trained on plain text, fine-tuned for five kinds of task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._contract import Plugin, Trainer, Workbench
from plugins.bert_finetune import cards, endpoints, starter
from plugins.bert_finetune.answer.settings import AnswerSettings
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings
from plugins.bert_finetune.pretrain.settings import PretrainSettings
from plugins.bert_finetune.tag.settings import TagSettings
from plugins.bert_finetune.translate.settings import TranslateSettings
from training.fit.experiment import Experiment
from training.preflight.sheet import Sheet
from training.task import Task


def check_classify(settings: ClassifySettings) -> Sheet:
    """Read the data and report on it; see `rows.read`."""
    from plugins.bert_finetune.classify.data import check

    return check(settings)


def build_classify(settings: ClassifySettings) -> Task:
    """The task of `classify`."""
    from plugins.bert_finetune.classify.task import build

    return build(settings)


def check_pretrain(settings: PretrainSettings) -> Sheet:
    """Read the corpus and report on it."""
    from plugins.bert_finetune.pretrain.data import check_documents, read_documents

    documents, notices = read_documents(settings, settings.data)
    return Sheet((*notices, *check_documents(documents, settings)))


def build_pretrain(settings: PretrainSettings) -> Task:
    """The task of `pretrain`."""
    from plugins.bert_finetune.pretrain.task import build

    return build(settings)


def check_tag(settings: TagSettings) -> Sheet:
    """Read the sentences and report on them."""
    from plugins.bert_finetune.tag.data import check

    return check(settings)


def build_tag(settings: TagSettings) -> Task:
    """The task of `tag`."""
    from plugins.bert_finetune.tag.task import build

    return build(settings)


def check_answer(settings: AnswerSettings) -> Sheet:
    """Read the questions and report on them."""
    from plugins.bert_finetune.answer.data import check

    return check(settings)


def build_answer(settings: AnswerSettings) -> Task:
    """The task of `answer`."""
    from plugins.bert_finetune.answer.task import build

    return build(settings)


def check_translate(settings: TranslateSettings) -> Sheet:
    """Read the pairs and report on them."""
    from plugins.bert_finetune.translate.data import check

    return check(settings)


def build_translate(settings: TranslateSettings) -> Task:
    """The task of `translate`."""
    from plugins.bert_finetune.translate.task import build

    return build(settings)


def check_label_efficiency(settings: LabelEfficiencySettings) -> Sheet:
    """The sheet of the data, and of the shares."""
    from plugins.bert_finetune.label_efficiency.arms import parse_shares

    parse_shares(settings.shares)
    return check_classify(settings)


def build_label_efficiency(settings: LabelEfficiencySettings) -> Experiment:
    """The experiment of `label_efficiency`."""
    from plugins.bert_finetune.label_efficiency.experiment import build

    return build(settings)


def load(folder: Path) -> Any:
    """An artifact, or any folder of an encoder that transformers reads, as what its architecture is for."""
    from plugins.bert_finetune.recognise import load_as_made

    return load_as_made(folder)


def tab(workbench: Workbench) -> None:
    """Draw "Try" and "Look inside"."""
    from plugins.bert_finetune.ui.tab import render

    render(workbench)


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

TRANSLATORS = (
    "EncoderDecoderModel",
    "*MTModel",
    *(f"{name}ForConditionalGeneration" for name in ("T5", "MT5", "Bart", "MBart", "M2M100", "Pegasus")),
)

PLUGIN = Plugin(
    name="bert_finetune",
    title="BERT",
    summary="Teach an encoder that reads in both directions to label texts, tag words, answer questions or translate: upload a file, watch it learn, try it, call it.",
    trainers=(
        Trainer(
            "classify",
            "Classify texts",
            ClassifySettings,
            build_classify,
            check_classify,
            preload=(
                "plugins.bert_finetune.classify.task",
                "plugins.bert_finetune.models.loading",
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
            card=cards.PRETRAIN,
        ),
        Trainer(
            "tag",
            "Tag words",
            TagSettings,
            build_tag,
            check_tag,
            preload=("plugins.bert_finetune.tag.task",),
            card=cards.TAG,
        ),
        Trainer(
            "answer",
            "Answer questions",
            AnswerSettings,
            build_answer,
            check_answer,
            preload=("plugins.bert_finetune.answer.task",),
            card=cards.ANSWER,
        ),
        Trainer(
            "translate",
            "Translate",
            TranslateSettings,
            build_translate,
            check_translate,
            preload=("plugins.bert_finetune.translate.task",),
            card=cards.TRANSLATE,
        ),
        Trainer(
            "label_efficiency",
            "Was the pre-training worth it?",
            LabelEfficiencySettings,
            build_label_efficiency,
            check_label_efficiency,
            preload=("plugins.bert_finetune.label_efficiency.experiment",),
        ),
    ),
    load=load,
    endpoints=(
        endpoints.classify,
        endpoints.classify_file,
        endpoints.explain,
        endpoints.fill_mask,
        endpoints.next_sentence,
        endpoints.fill_mask_file,
        endpoints.next_sentence_file,
        endpoints.embed,
        endpoints.tag,
        endpoints.tag_file,
        endpoints.answer,
        endpoints.answer_file,
        endpoints.translate,
        endpoints.translate_file,
        endpoints.label_efficiency,
    ),
    card=cards.CLASSIFY,
    architectures=(
        "*ForSequenceClassification",
        "*ForTokenClassification",
        "*ForQuestionAnswering",
        "*ForMaskedLM",
        "*ForPreTraining",
        *ENCODERS,
        *TRANSLATORS,
    ),
    starters=starter.FOLDERS,
    starter_for=starter.ANSWERS,
    tab=tab,
)
