"""What "auto" means for `pretrain`: going on with the starter on one's own texts, where they are English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.bert_finetune import auto, starter
from training.data.streams.auto import stream_choices
from training.data.vocabulary_fit import CHARACTERS
from training.preflight.auto import Choice, Choices, precision, steps_for

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.data import PretrainData
    from plugins.bert_finetune.pretrain.settings import PretrainSettings

BATCH = 32
PASSES, SCRATCH_PASSES, FEWEST, FEWEST_SCRATCH = 3, 10, 200, 600
TOKENS_PER_WORD = 1.4
FROM_SCRATCH_ONLY = ("previous_token_head_init",)


def start(data: PretrainData, settings: PretrainSettings) -> Choice:
    """The encoder, which has read more than most corpora hold."""
    if auto.changed_fields(settings, FROM_SCRATCH_ONLY):
        return Choice("", f"{FROM_SCRATCH_ONLY[0]} describes a new network")
    return auto.start_from(starter.ENCODER, map(" ".join, data.train.openings(CHARACTERS)), settings)


def choose(data: PretrainData, settings: PretrainSettings, parameters: int) -> Choices:
    """By what training starts from, and by the rows that the corpus fills."""
    rows = max(1, round(data.words * TOKENS_PER_WORD / settings.max_length))
    batch, most = auto.given_or(settings, BATCH), auto.most_steps(parameters)
    passes, fewest = (PASSES, FEWEST) if parameters else (SCRATCH_PASSES, FEWEST_SCRATCH)
    return {
        "batch_size": Choice(BATCH, f"rows of {settings.max_length} tokens"),
        "learning_rate": auto.rate(settings, parameters),
        "steps": steps_for(rows, batch, passes, fewest, most, "row", auto.start_reason(parameters)),
        "precision": precision(settings, parameters or None),
        **stream_choices(data.stream),
    }
