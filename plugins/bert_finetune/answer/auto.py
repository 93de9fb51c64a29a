"""What "auto" means for `answer`. Measured on a part of SQuAD: docs/experiments/auto.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune import auto, starter
from training.preflight.auto import Choice, Choices, precision, steps_for

if TYPE_CHECKING:
    from plugins.bert_finetune.answer.data import AnswerData
    from plugins.bert_finetune.answer.settings import AnswerSettings

BATCH = 16
PASSES, FEWEST = 3, 200


def start(data: AnswerData, settings: AnswerSettings) -> Choice:
    """The starter that answers questions: a few thousand questions teach an encoder little from nothing."""
    what = "trained to answer questions already, on a part of SQuAD: held-out questions of SQuAD are none to it"
    return auto.start_from(starter.QUESTIONS, (example.context for example in data.train), settings, what)


def choose(data: AnswerData, settings: AnswerSettings, parameters: int) -> Choices:
    """By what training starts from, and by the number of questions."""
    batch, most = auto.given_or(settings, BATCH), auto.most_steps(parameters)
    return {
        "batch_size": Choice(BATCH, "windows of a question and its context"),
        "learning_rate": auto.rate(settings, parameters),
        "steps": steps_for(len(data.train), batch, PASSES, FEWEST, most, "question", auto.start_reason(parameters)),
        "precision": precision(settings, parameters or None),
    }
