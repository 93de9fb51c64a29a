"""What "auto" means for `encode`: measured in docs/experiments/bert_finetune.md#simcse-on-plain-text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune import auto, starter
from training.data.vocabulary_fit import CHARACTERS
from training.preflight.auto import Choice, Choices, precision, steps_for

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.data import EncodeData
    from plugins.bert_finetune.encode.settings import EncodeSettings

BATCH = 64
PASSES, FEWEST, MOST = 1, 50, 300  # on other texts than those of the pairs more steps made vectors worse
RATE = 1 / 3  # of that of fine-tuning
BETTER = "pre-trained on English texts. all-MiniLM-L6-v2, which was trained on pairs, is better without this training"


def start(data: EncodeData, settings: EncodeSettings) -> Choice:
    """The starter: all-MiniLM-L6-v2 has learned from pairs already, and plain text makes it worse."""
    return auto.start_from(starter.ENCODER, map(" ".join, data.train.openings(CHARACTERS)), settings, BETTER)


def choose(data: EncodeData, settings: EncodeSettings, parameters: int) -> Choices:
    """One pass over the sentences, as in the paper."""
    rows, batch = int(data.train.counts().sum()), auto.given_or(settings, BATCH)
    rate = auto.rate(settings, parameters)
    if parameters:
        rate = Choice(round(RATE * float(rate.value), 6), f"a third of fine-tuning: {rate.reason}")
    return {
        "batch_size": Choice(BATCH, "each sentence is told from the others of its batch"),
        "learning_rate": rate,
        "steps": steps_for(rows, batch, PASSES, FEWEST, MOST, "sentence", auto.start_reason(parameters)),
        "precision": precision(settings, parameters or None),
    }
