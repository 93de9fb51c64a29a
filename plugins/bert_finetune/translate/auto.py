"""What "auto" means for `translate`. Measured on Multi30k: docs/experiments/auto.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune import auto
from training.preflight.auto import Choice, Choices, precision, steps_for

if TYPE_CHECKING:
    from plugins.bert_finetune.translate.data import TranslateData
    from plugins.bert_finetune.translate.settings import TranslateSettings

BATCH = 32
PASSES, SCRATCH_PASSES, FEWEST = 3, 10, 300


def start(data: TranslateData, settings: TranslateSettings) -> Choice:
    """New weights: the starter reads English only, and its vocabulary cannot write another language."""
    return Choice("", "the starters read English only")


def choose(data: TranslateData, settings: TranslateSettings, parameters: int) -> Choices:
    """By what training starts from, and by the number of pairs."""
    batch, most = auto.given_or(settings, BATCH), auto.most_steps(parameters)
    passes = PASSES if parameters else SCRATCH_PASSES
    return {
        "batch_size": Choice(BATCH, "pairs of sentences"),
        "learning_rate": auto.rate(settings, parameters),
        "steps": steps_for(len(data.train), batch, passes, FEWEST, most, "pair", auto.start_reason(parameters)),
        "precision": precision(settings, parameters or None),
    }
