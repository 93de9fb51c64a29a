"""What the kinds' rules for "auto" share: which starter fits the texts, and for how long a network is fine-tuned."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from plugins.bert_finetune.settings import NetworkSettings
from training import machine
from training.data.vocabulary_fit import vocabulary_fit
from training.preflight.auto import REFERENCE_PARAMETERS, Choice, changed_fields, fine_tuning_rate, positions_of

NEW_NETWORK = (
    "layers",
    "heads",
    "hidden_size",
    "vocabulary_size",
    "size",
)  # settings that describe a network of one's own
MAX_TOKENS_PER_WORD, MAX_UNKNOWN = 2.1, 0.05  # of English texts and others: docs/experiments/auto.md
SCRATCH_RATE = 5e-4
MOST_STEPS, FEWEST_OF_LARGE = 2000, 300  # on a CPU; a large network gets fewer


def start_from(starter: Path, texts: Iterable[str], settings: NetworkSettings, what: str = "") -> Choice:
    """The starter, unless the settings describe another network or the texts are not of its language.

    Args:
        what: What the starter can do already, for the reason.
    """
    if given := changed_fields(settings, NEW_NETWORK):
        verb = "describes" if len(given) == 1 else "describe"
        return Choice("", f"{' and '.join(given)} {verb} a new network")
    if settings.max_length > (positions := positions_of(starter)):
        return Choice("", f"max_length is more than the {positions:,} positions of {starter.name}")
    fit = vocabulary_fit(starter / "tokenizer.json", texts)
    if fit.unknown_share > MAX_UNKNOWN:
        return Choice("", f"{starter.name} does not know the script: {fit.unknown_share:.0%} unknown tokens")
    if fit.tokens_per_word > MAX_TOKENS_PER_WORD:
        return Choice(
            "", f"{starter.name} was trained on English, and these texts are hardly: {_words(fit.tokens_per_word)}"
        )
    return Choice(starter.name, what or f"pre-trained on English texts; {_words(fit.tokens_per_word)}")


def _words(tokens: float) -> str:
    return f"{tokens:.1f} tokens a word"


def rate(settings: NetworkSettings, parameters: int) -> Choice:
    """From scratch, or by the size of the weights that training starts from."""
    if not parameters:
        return Choice(SCRATCH_RATE, "new weights")
    return fine_tuning_rate(parameters, settings.value("lora_rank", 0))


def most_steps(parameters: int) -> int:
    """As many as a person waits for: on a CPU fewer of a large network, whose steps take longer."""
    if machine.gpus() or parameters <= REFERENCE_PARAMETERS:
        return MOST_STEPS
    return max(FEWEST_OF_LARGE, round(MOST_STEPS * (REFERENCE_PARAMETERS / parameters) ** 0.5))


def given_or(settings: NetworkSettings, usual: int) -> int:
    """The batch size that was given, or else this."""
    return settings.batch_size or usual


def start_reason(parameters: int) -> str:
    """For the reason of a number of steps."""
    return "from pre-trained weights" if parameters else "from new weights"
