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
PASSES, FEWEST = 1, 100


def start(data: EncodeData, settings: EncodeSettings) -> Choice:
    """The starter: all-MiniLM-L6-v2 has learned from pairs already, and plain text makes it worse."""
    return auto.start_from(starter.ENCODER, map(" ".join, data.train.openings(CHARACTERS)), settings)


def choose(data: EncodeData, settings: EncodeSettings, parameters: int) -> Choices:
    """One pass over the sentences, as in the paper."""
    rows, batch = int(data.train.counts().sum()), auto.given_or(settings, BATCH)
    most = auto.most_steps(parameters)
    return {
        "batch_size": Choice(BATCH, "each sentence is told from the others of its batch"),
        "learning_rate": auto.rate(settings, parameters),
        "steps": steps_for(rows, batch, PASSES, FEWEST, most, "sentence", auto.start_reason(parameters)),
        "precision": precision(settings, parameters or None),
    }
