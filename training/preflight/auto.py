"""Decide the settings that were left to "auto", each with its reason: by the data and the weights to start from.

A kind's own rules (`auto.py` of its package) use the functions below; what they leave open gets its usual value. The
measurements behind the numbers are in docs/experiments/auto.md.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from training import files
from training.preflight.limits import Limits
from training.preflight.precision import bf16_speedup
from training.preflight.sheet import Finding
from training.settings import RunSettings, extra_of, parse_settings
from training.wording import counted

# A fine-tuned network of this many parameters does best at this rate; larger ones take less, as the square root. That
# gives 1.3e-4 for 22 million, 6e-5 for BERT-base and 3e-5 for BERT-large, which are what their papers use.
REFERENCE_PARAMETERS, REFERENCE_RATE = 4_000_000, 3e-4
LORA_FACTOR, LORA_RATE = 10, 1e-3  # adapters take ten times the rate of all weights, at most this
MIN_SPEEDUP = 1.3  # times that a product is faster in bf16, from which on it is chosen
MIN_BF16_PARAMETERS = 1_000_000  # below, the time goes into other things than products
PRESETS = {"quick": 0.3, "balanced": 1.0, "thorough": 3.0}  # name -> multiple of the steps that auto gives
MIN_STEPS = 20  # of Quick, unless there are fewer altogether
USUAL = "what this kind of training usually takes"
NAMES = {"model": "Start from", "steps": "Steps", "batch_size": "Batch size", "learning_rate": "Learning rate"}
NAMES |= {"precision": "Precision", "dataset_revision": "Revision of the data set"}
S = TypeVar("S", bound=RunSettings)


@dataclass(frozen=True)
class Choice:
    """A value that was decided, and why: a phrase that goes on after "because of", such as "600 rows".

    Args:
        quick: Of steps: how many the preset Quick takes at most, where a third of them is more than about a minute.
    """

    value: int | float | str
    reason: str
    quick: int = 0


Choices = Mapping[str, Choice]


@dataclass(frozen=True)
class Decision(Generic[S]):
    """Settings without anything left to decide.

    Args:
        settings: The settings.
        choices: Field -> what was decided of it, in the order of the fields; empty where all was given.
    """

    settings: S
    choices: dict[str, Choice]

    def findings(self) -> list[Finding]:
        """One row of the sheet for each value that was decided."""
        return [Finding("green", title, reason) for title, reason in self._lines()]

    def message(self) -> str:
        """All of it in a line, for a run's events."""
        return "; ".join(f"{title} ({reason})" for title, reason in self._lines())

    def record(self) -> dict[str, dict[str, Any]]:
        """Field -> value and reason, and of steps those of Quick where they are fewer than a third; JSON-ready."""
        return {
            name: {"value": choice.value, "reason": choice.reason} | ({"quick": choice.quick} if choice.quick else {})
            for name, choice in self.choices.items()
        }

    def _lines(self) -> Iterator[tuple[str, str]]:
        for _, title, value, reason in decided_rows(self.record()):
            yield f"{title}: {value}", reason


def decided_rows(record: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    """What a person is told of `Decision.record`: (field, its name on a form, value, reason).

    A word that is the usual one is left out, as if nobody had asked.
    """
    return [
        (name, NAMES.get(name, name), _spell(choice["value"]), str(choice["reason"]))
        for name, choice in record.items()
        if not (isinstance(choice["value"], str) and choice["reason"] == USUAL)
    ]


def decide(settings: S, rules: Choices, limits: Limits) -> Decision[S]:
    """Put a value in the place of each one that was left open: the rules', or the usual one; within a server's limits.

    Raises:
        UserError: If the rules and what was given do not fit each other.
    """
    open_fields = settings.undecided()
    fields = type(settings).model_fields
    if settings.value("weights_dtype") == "bf16":
        rules = {**rules, "precision": Choice("bf16", "the weights are in bf16")}
    choices = {name: rules.get(name) or Choice(extra_of(fields[name])["auto"], USUAL) for name in open_fields}
    if "steps" in choices and limits.max_steps:
        choices["steps"] = _at_most(choices["steps"], limits.max_steps)
    if "batch_size" in choices:
        choices["batch_size"] = _batch(settings, choices["batch_size"], limits.max_batch_size)
    values = {name: choice.value for name, choice in choices.items()}
    return Decision(parse_settings(type(settings), {**dict(settings), **values}), choices)


def _at_most(choice: Choice, most: int) -> Choice:
    return (
        choice
        if int(choice.value) <= most
        else replace(choice, value=most, reason=f"the most that this server allows; {choice.reason}")
    )


def _batch(settings: RunSettings, choice: Choice, most: int) -> Choice:
    """A multiple of the micro-batches that each batch is cut into."""
    processes = max(settings.value("processes", 1), int(os.environ.get("WORLD_SIZE", "1")))
    pieces = processes * settings.value("gradient_accumulation", 1)
    capped = _at_most(choice, most) if most else choice
    size = max(1, int(capped.value) // pieces) * pieces
    return capped if size == capped.value else Choice(size, f"a multiple of the {pieces} pieces it is cut into")


# -- what the rules of the kinds are made of -----------------------------------------------------------------------


def fine_tuning_rate(parameters: int, lora_rank: int = 0) -> Choice:
    """The rate for pre-trained weights of this size: the larger, the lower; adapters take more."""
    rate = REFERENCE_RATE * math.sqrt(REFERENCE_PARAMETERS / max(parameters, REFERENCE_PARAMETERS))
    what = f"pre-trained weights of {spell_parameters(parameters)} parameters"
    if lora_rank:
        return Choice(_round(min(LORA_RATE, LORA_FACTOR * rate)), f"LoRA on {what}")
    return Choice(_round(rate), what)


def steps_for(
    rows: int,
    batch_size: int,
    passes: float,
    at_least: int,
    at_most: int,
    unit: str = "row",
    why: str = "",
    quick: int = 0,
) -> Choice:
    """So many passes over the rows, and never fewer or more steps than the bounds.

    Args:
        why: What the passes depend on besides: "from pre-trained weights".
        quick: As of `Choice`.
    """
    wanted = math.ceil(passes * rows / batch_size)
    steps = min(max(wanted, at_least), at_most)
    actual = steps * batch_size / max(1, rows)
    reason = f"{counted(rows, unit)}, each read {'about ' if actual >= 1 else ''}{_times(actual)}"
    reason += f", {why}" if why else ""
    return Choice(steps, reason, quick)


def precision(settings: RunSettings, parameters: int | None = None) -> Choice:
    """bf16 where this machine computes it clearly faster.

    Args:
        parameters: Of the network, where known: a small one gains nothing.
    """
    if parameters is not None and parameters < MIN_BF16_PARAMETERS:
        return Choice("fp32", "a small network")
    speedup = bf16_speedup(settings.value("device", "auto"))
    if speedup is None:
        return Choice("bf16", "this GPU has it")
    if speedup < MIN_SPEEDUP:
        return Choice("fp32", "this machine computes bf16 no faster")
    return Choice("bf16", f"this processor multiplies {speedup:.1f} times as fast in it")


def count_parameters(folder: Path) -> int:
    """Numbers in the weights of a folder, from the headers of its safetensors files; else from its size as fp32."""
    found = list(folder.rglob("*.safetensors"))
    if not found:
        return sum(path.stat().st_size for path in folder.rglob("*.bin")) // 4
    tensors = (
        each for path in found for name, each in files.safetensors_header(path).items() if name != "__metadata__"
    )
    return sum(math.prod(tensor["shape"]) for tensor in tensors)


def positions_of(folder: Path) -> int:
    """Tokens that a network of transformers can read at once, by its configuration; 0 where that does not say."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return int(config.get("max_position_embeddings") or config.get("n_positions") or 0)


def changed_fields(settings: RunSettings, names: tuple[str, ...]) -> list[str]:
    """Which of these fields were given another value than their default."""
    fields = type(settings).model_fields
    return [name for name in names if name in fields and settings.value(name) != fields[name].default]


# -- presets -------------------------------------------------------------------------------------------------------


def preset_steps(steps: int, limits: Limits, quick: int = 0) -> dict[str, int]:
    """Preset -> its steps, given those that auto decided, and the most that Quick takes; at most a server's limit."""
    most = limits.max_steps
    wanted = {name: round(steps * factor) for name, factor in PRESETS.items()}
    wanted["quick"] = min(max(MIN_STEPS, wanted["quick"]), steps, quick or steps)
    return {name: min(count, most) if most else count for name, count in wanted.items()}


def seconds_of(presets: Mapping[str, Mapping[str, float]], steps: int) -> float | None:
    """Seconds that so many steps take, on the line through a sheet's measured presets; None where none were measured.

    A run evaluates equally often however long it is, so that its time is a constant and so much a step.
    """
    measured = sorted({each["steps"]: each["seconds"] for each in presets.values()}.items())
    if not measured:
        return None
    (few, less), (many, more) = measured[0], measured[-1]
    a_step = (more - less) / (many - few) if many > few else more / many
    return max(0.0, more + a_step * (steps - many))


# -- words ---------------------------------------------------------------------------------------------------------


def spell_parameters(count: int) -> str:
    """A number of parameters as people say it: 4 million."""
    if count < 1_000_000:
        return f"{count:,}"
    return f"{count / 1e6:,.1f} million" if count < 10_000_000 else f"{count / 1e6:,.0f} million"


def _spell(value: float | str) -> str:
    if isinstance(value, str):
        return value or "new weights"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _times(number: float) -> str:
    if number < 1:
        return "in part"
    return "once" if round(number) == 1 else f"{number:,.0f} times"


def _round(rate: float) -> float:
    """Two figures: what people write."""
    return float(f"{rate:.1e}")
