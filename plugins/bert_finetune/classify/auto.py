"""What "auto" means for `classify`. Measured on SST-2, AG News and Banking77: docs/experiments/auto.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune import auto, starter
from training.preflight.auto import Choice, Choices, precision, steps_for

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.data import ClassifyData
    from plugins.bert_finetune.classify.settings import ClassifySettings

BATCH = 32
PASSES, SCRATCH_PASSES = 3, 5
FEWEST, FEWEST_SCRATCH = 150, 300
STEPS_PER_CLASS = 8  # each label has to be seen some times
# A new head for many labels learns faster at a higher rate: Banking77, 450 steps, 0.867 in place of 0.829.
MANY_CLASSES, FACTOR_OF_MANY, SMALL_NETWORK = 20, 3, 10_000_000


def start(data: ClassifyData, settings: ClassifySettings) -> Choice:
    """The pre-trained encoder. Not the starter for sentiments: it has seen the labels of SST-2, and would pass for good
    on held-out rows that it knows."""
    return auto.start_from(starter.ENCODER, data.train.joined(), settings)


def choose(data: ClassifyData, settings: ClassifySettings, parameters: int) -> Choices:
    """Rates and steps by what training starts from, by rows and by labels."""
    batch, classes = auto.given_or(settings, BATCH), len(data.label_names)
    passes, fewest = (PASSES, FEWEST) if parameters else (SCRATCH_PASSES, FEWEST_SCRATCH)
    fewest = max(fewest, STEPS_PER_CLASS * classes)
    most = auto.most_steps(parameters)
    return {
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
