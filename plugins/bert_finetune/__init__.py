"""Bidirectional encoders (Devlin et al., 2019): pre-training, and fine-tuning for four tasks."""

from __future__ import annotations

from plugins._contract import LABELLED_TEXTS, Kind, Plugin
from plugins.bert_finetune import cards, samples, starter, suggestions
from plugins.bert_finetune.answer.endpoints import Answer
from plugins.bert_finetune.answer.settings import AnswerSettings
from plugins.bert_finetune.classify.endpoints import Classify
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.encode.settings import EncodeSettings
from plugins.bert_finetune.label_efficiency.endpoints import LabelEfficiency
from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings
from plugins.bert_finetune.pretrain.endpoints import FillMask
from plugins.bert_finetune.pretrain.settings import PretrainSettings
from plugins.bert_finetune.tag.endpoints import Tag
from plugins.bert_finetune.tag.settings import TagSettings
from plugins.bert_finetune.translate.endpoints import Translate
from plugins.bert_finetune.translate.settings import TranslateSettings

BARE_ENCODERS = tuple(
    f"{family}Model"
    for family in (
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
)  # the architectures that sentence encoders and networks without a head name

TRANSLATION_MODELS = (
    "EncoderDecoderModel",
    "*MTModel",
    *(f"{family}ForConditionalGeneration" for family in ("T5", "MT5", "Bart", "MBart", "M2M100", "Pegasus")),
)

PLUGIN = Plugin(
    name="bert_finetune",
    title="BERT",
    summary="Fine-tune a bidirectional encoder: classify texts, find entities, answer questions, translate. Or "
    "pre-train one on your own text.",
    kinds=(
        Kind(
            "classify",
            "Classify",
            "plugins.bert_finetune.classify",
            ClassifySettings,
            Classify,
            architectures=("*ForSequenceClassification",),
            starters=(*starter.adapters_here(starter.ADAPTED_SENTIMENT), starter.SENTIMENT),
            card=cards.CLASSIFY,
            samples=samples.CLASSIFY,
            suggestions=suggestions.CLASSIFY,
            takes=(LABELLED_TEXTS,),
            secret="Your key for hosted_model. It is sent to its server only and not stored, so that Resume needs it "
            "again.",
        ),
        Kind(
            "pretrain",
            "Pre-training",
            "plugins.bert_finetune.pretrain",
            PretrainSettings,
            FillMask,
            architectures=("*ForMaskedLM", "*ForPreTraining"),
            starters=(starter.ENCODER,),
            card=cards.PRETRAIN,
            samples=samples.PRETRAIN,
            suggestions=suggestions.PRETRAIN,
            feeds=("classify.model", "tag.model", "answer.model", "translate.model", "label_efficiency.own_model"),
        ),
        Kind(
            "encode",
            "Sentence vectors",
            "plugins.bert_finetune.encode",
            EncodeSettings,
            Encode,
            architectures=BARE_ENCODERS,
            starters=(*starter.MINILM, starter.ENCODER),
            card=cards.ENCODE,
            samples=samples.ENCODE,
            suggestions=suggestions.PRETRAIN,
            feeds=("classify.model", "encode.model"),
        ),
        Kind(
            "tag",
            "Named entities",
            "plugins.bert_finetune.tag",
            TagSettings,
            Tag,
            architectures=("*ForTokenClassification",),
            starters=(*starter.adapters_here(starter.ADAPTED_ENTITIES), starter.ENTITIES),
            card=cards.TAG,
            samples=samples.TAG,
            suggestions=suggestions.TAG,
        ),
        Kind(
            "answer",
            "Question answering",
            "plugins.bert_finetune.answer",
            AnswerSettings,
            Answer,
            architectures=("*ForQuestionAnswering",),
            starters=(*starter.adapters_here(starter.ADAPTED_QUESTIONS), starter.QUESTIONS),
            card=cards.ANSWER,
            samples=samples.ANSWER,
            suggestions=suggestions.ANSWER,
        ),
        Kind(
            "translate",
            "Translation",
            "plugins.bert_finetune.translate",
            TranslateSettings,
            Translate,
            architectures=TRANSLATION_MODELS,
            card=cards.TRANSLATE,
            samples=samples.TRANSLATE,
            suggestions=suggestions.TRANSLATE,
        ),
        Kind(
            "label_efficiency",
            "Label efficiency",
            "plugins.bert_finetune.label_efficiency",
            LabelEfficiencySettings,
            LabelEfficiency,
            card=cards.CLASSIFY,
            samples=samples.CLASSIFY,
            suggestions=suggestions.CLASSIFY,
        ),
    ),
    tab="plugins.bert_finetune.ui.tab:render",
)
