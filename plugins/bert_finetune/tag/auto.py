"""What "auto" means for `tag`. Measured on WNUT-17 and SNIPS: docs/experiments/auto.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune import auto, starter
from training.preflight.auto import Choice, Choices, precision, steps_for

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.data import TagData
    from plugins.bert_finetune.tag.settings import TagSettings

BATCH = 32
PASSES, FEWEST = 5, 400


def start(data: TagData, settings: TagSettings) -> Choice:
    """The pre-trained encoder; not the starter for entities, which has seen the labels of SNIPS."""
    return auto.start_from(starter.ENCODER, (sentence.text() for sentence in data.train), settings)


def choose(data: TagData, settings: TagSettings, parameters: int) -> Choices:
    """By what training starts from, and by the number of sentences."""
    batch, most = auto.given_or(settings, BATCH), auto.most_steps(parameters)
    why = auto.start_reason(parameters)
    return {
        "batch_size": Choice(BATCH, "sentences of this length"),
        "learning_rate": auto.rate(settings, parameters),
        "steps": steps_for(len(data.train), batch, PASSES, FEWEST, most, "sentence", why),
        "precision": precision(settings, parameters or None),
    }
