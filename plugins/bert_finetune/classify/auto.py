"""What "auto" means for `classify`. Measured on SST-2, AG News and Banking77: docs/experiments/auto.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune import auto, starter
from plugins.bert_finetune.classify.few_labels import MANY_CLASSES, is_slow
from plugins.bert_finetune.sentence_files import sentence_pooling
from training.preflight.auto import USUAL, Choice, Choices, precision, steps_for
from training.weights import artifact_name
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.data import ClassifyData
    from plugins.bert_finetune.classify.settings import ClassifySettings

BATCH = 32
PASSES, SCRATCH_PASSES = 3, 5
FEWEST, FEWEST_SCRATCH = 150, 300
# Few labels from a sentence encoder: contrastive training, docs/experiments/bert_finetune.md#few-labels-beside-setfit
FEW_ROWS, FEW_A_CLASS = 4000, 48  # training rows, and rows of a class on average
ANCHORS, ANCHORS_OF_MANY = 16, 32  # rows a step, each with a partner of its class
MOST_PASSES, CONTRASTIVE_RATE = 16, 1e-4
SLOW_RATE, SLOW_PASSES = 3e-5, 2  # times as many
STEPS_PER_CLASS = 8  # each label has to be seen some times
# A new head for many labels learns faster at a higher rate: Banking77, 450 steps, 0.867 in place of 0.829.
FACTOR_OF_MANY, SMALL_NETWORK = 3, 10_000_000


def start(data: ClassifyData, settings: ClassifySettings) -> Choice:
    """The pre-trained encoder. Not the starter for sentiments: it has seen the labels of SST-2, and would pass for good
    on held-out rows that it knows."""
    for folder in starter.MINILM:
        chosen = auto.start_from(
            folder, data.train.joined(), settings, "trained to give texts alike in meaning like vectors"
        )
        if chosen.value:
            return chosen
    return auto.start_from(starter.ENCODER, data.train.joined(), settings)


def choose(data: ClassifyData, settings: ClassifySettings, parameters: int) -> Choices:
    """Rates and steps by what training starts from, by rows and by labels."""
    contrastive = _contrastive(data, settings, parameters)
    if settings.frozen_encoder:
        none = "no step is trained"
        return {
            "contrastive": Choice("off", none),
            "steps": Choice(1, none),
            "precision": precision(settings, parameters or None),
        }
    if contrastive.value == "on":
        return {"contrastive": contrastive, **_few(data, settings, parameters)}
    batch, classes = auto.given_or(settings, BATCH), len(data.label_names)
    passes, fewest = (PASSES, FEWEST) if parameters else (SCRATCH_PASSES, FEWEST_SCRATCH)
    fewest = max(fewest, STEPS_PER_CLASS * classes)
    most = auto.most_steps(parameters)
    return {
        "contrastive": contrastive,
        "batch_size": Choice(BATCH, "texts of this length"),
        "learning_rate": _rate(settings, parameters, classes),
        "steps": steps_for(len(data.train), batch, passes, fewest, most, "row", auto.start_reason(parameters)),
        "precision": precision(settings, parameters or None),
    }


def _rate(settings: ClassifySettings, parameters: int, classes: int) -> Choice:
    rate = auto.rate(settings, parameters)
    if settings.lora_rank or classes < MANY_CLASSES or not 0 < parameters <= SMALL_NETWORK:
        return rate
    return Choice(round(FACTOR_OF_MANY * float(rate.value), 5), f"{rate.reason}, and {classes} labels")


def _contrastive(data: ClassifyData, settings: ClassifySettings, parameters: int) -> Choice:
    """On where labels are few and training starts from a sentence encoder, or where it was asked for."""
    if settings.contrastive != "auto":
        return Choice(settings.contrastive, "as given")
    rows, each = len(data.train), len(data.train) / max(1, len(data.label_names))
    plain = not (settings.multi_label or settings.gradient_accumulation > 1 or data.train.pairs)
    if not (parameters and plain) or rows > FEW_ROWS or each > FEW_A_CLASS:
        return Choice("off", USUAL)
    if not (recognised := _sentence_encoder(settings.model)):
        return Choice("off", USUAL)
    return Choice("on", f"few labels: {counted(round(each), 'row')} a class, and {recognised}")


def _sentence_encoder(model: str) -> str:
    """Which sentence encoder training starts from, and by what it was recognised; empty for other weights.

    Args:
        model: A folder, or the name of weights that are not here yet, which alone tells then.

    Raises:
        UserError: If the files that would say it cannot be read.
    """
    if Path(model).is_absolute():
        pooling = sentence_pooling(Path(model))
        return f"the sentence encoder {artifact_name(Path(model))}, by its {pooling.file}" if pooling else ""
    name = model.rpartition("/")[2].partition("@")[0]
    known = model.startswith("sentence-transformers/") or name == starter.SENTENCES
    return f"the sentence encoder {name}, by its name" if known else ""


def _few(data: ClassifyData, settings: ClassifySettings, parameters: int) -> Choices:
    """Passes fall with the number of rows, each of which is compared with more others."""
    rows, classes = len(data.train), len(data.label_names)
    batch = auto.given_or(settings, ANCHORS_OF_MANY if classes > MANY_CLASSES else ANCHORS)
    slow = is_slow(rows, classes)
    passes = min(MOST_PASSES, MOST_PASSES * (64 / rows) ** 0.7) * (SLOW_PASSES if slow else 1)
    rate = Choice(SLOW_RATE if slow else CONTRASTIVE_RATE, "contrastive training of a sentence encoder")
    if settings.lora_rank or parameters <= SMALL_NETWORK:
        rate = auto.rate(settings, parameters)
    return {
        "batch_size": Choice(batch, "each text beside another of its class"),
        "learning_rate": rate,
        "steps": steps_for(rows, batch, passes / 2, 10, auto.MOST_STEPS, "row", auto.start_reason(parameters)),
        "precision": precision(settings, parameters or None),
    }
