"""What "auto" means for `pretrain`: going on with the starter where its vocabulary fits the texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugins.gpt_prompting.models import STARTER
from training import machine
from training.data.streams.auto import stream_choices
from training.data.vocabulary_fit import vocabulary_fit
from training.preflight.auto import (
    Choice,
    Choices,
    changed_fields,
    fine_tuning_rate,
    positions_of,
    precision,
    steps_for,
)

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.data import PretrainData
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings

NEW_NETWORK = ("size", "layers", "heads", "hidden_size", "vocabulary_size", "positions", "induction_head_init")
MAX_TOKENS_PER_WORD = 2.4  # of English texts and others: docs/experiments/auto.md
BATCH, SCRATCH_RATE = 32, 5e-4
TOKENS_PER_WORD = 1.6
PASSES, SCRATCH_PASSES, FEWEST, FEWEST_SCRATCH, MOST = 3, 5, 200, 400, 1000
QUICK = 40  # steps of the starter's size take two processor cores about a minute


def start(data: PretrainData, settings: PretrainSettings) -> Choice:
    """The starter, unless the settings describe another network or the texts are not of its language."""
    if given := changed_fields(settings, NEW_NETWORK):
        return Choice("", f"{' and '.join(given)} {'describes' if len(given) == 1 else 'describe'} a new network")
    if settings.max_length > (positions := positions_of(STARTER)):
        return Choice("", f"max_length is more than the {positions:,} positions of {STARTER.name}")
    tokens = vocabulary_fit(STARTER / "tokenizer.json", data.all_texts()).tokens_per_word
    if tokens > MAX_TOKENS_PER_WORD:
        return Choice(
            "", f"{STARTER.name} was trained on English, and these texts are hardly: {tokens:.1f} tokens a word"
        )
    return Choice(STARTER.name, f"trained on English texts, dialogues and tasks; {tokens:.1f} tokens a word")


def choose(data: PretrainData, settings: PretrainSettings, parameters: int) -> Choices:
    """By what training starts from, and by the rows that the texts fill."""
    rows = max(1, round(data.words * TOKENS_PER_WORD / settings.max_length))
    passes, fewest = (PASSES, FEWEST) if parameters else (SCRATCH_PASSES, FEWEST_SCRATCH)
    rate = fine_tuning_rate(parameters, settings.lora_rank) if parameters else Choice(SCRATCH_RATE, "new weights")
    why = f"from {'pre-trained' if parameters else 'new'} weights"
    most, quick = (10 * MOST, 0) if machine.gpus() else (MOST, QUICK if parameters else 0)
    return {
        "batch_size": Choice(BATCH, f"rows of {settings.max_length} tokens"),
        "learning_rate": rate,
        "steps": steps_for(rows, settings.batch_size or BATCH, passes, fewest, most, "row", why, quick),
        "precision": precision(settings, parameters or None),
        **stream_choices(data.stream),
    }
