"""Plan a run: `python -m training plan PLUGIN TRAINER [settings] [--machine 8xA100-80GB]`; nothing is loaded.

Also the refusal, with numbers, of a run for which there is no memory: on the sheet, and before its weights are loaded.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from plugins._contract import Kind, Plugin
from training.cli.decide import decide_settings, with_weights
from training.errors import UserError
from training.preflight.limits import TRAINING_BYTES, Limits
from training.preflight.machines import FLAVOURS, THIS, Machine, find_machine
from training.preflight.plan import Memory, Speed, Trace, memory, memory_finding, micro_batch, speed, spell_bytes
from training.preflight.sheet import Finding
from training.settings import RunSettings, TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.fit.trace import Sketch

logger = logging.getLogger(__name__)

WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"gradient_checkpointing": True},
    {"sharding": "full"},
    {"gradient_checkpointing": True, "sharding": "full"},
)
WITHOUT_BF16 = ("T4-16GB", "V100-32GB")
SMALL_SHARE = 0.05  # of the memory; weights, gradients and optimiser below it are not planned for before a start


def add_commands(commands: Any) -> None:
    """Add `plan`."""
    parser = commands.add_parser(
        "plan", help="PLUGIN TRAINER [settings]: memory, speed and price of a run on a machine", allow_abbrev=False
    )
    parser.add_argument(
        "--machine", default=THIS, help="this, a number and a card (8xA100-80GB), or a machine of HF Jobs (a10g-large)."
    )
    parser.set_defaults(command=plan_command, takes_settings=True)


@dataclass(frozen=True)
class Plan:
    """What one run takes on one machine."""

    settings: TrainSettings
    machine: Machine
    traced: Trace
    memory: Memory
    speed: Speed


def plan_command(options: argparse.Namespace, arguments: list[str]) -> int:
    """Print the plan of a run, and of the same run with gradient checkpointing and sharding; exit code 2 if it fits in
    no way."""
    from training.cli.train import parse_command  # which imports `execute`, and that this module

    plugin, kind, settings, _ = parse_command(arguments)
    if not isinstance(settings, TrainSettings) or sketch_of(kind) is None:
        raise UserError(
            f"{plugin.name} {kind.name} has no plan: its networks are small. `python -m training check` measures it."
        )
    machine = _priced(find_machine(options.machine, settings.processes))
    settings = _decided(plugin, kind, settings, machine)
    chosen = plan(plugin, kind, settings, machine)
    _print_head(chosen)
    fits = []
    for way in WAYS:
        changed = {name: value for name, value in way.items() if settings.value(name) != value}
        if len(changed) < len(way) or (way.get("sharding") and machine.processes == 1):
            continue  # said already, or nothing to share
        each = plan(plugin, kind, settings.model_copy(update=changed), machine) if changed else chosen
        fits.append(each.memory.peak <= machine.memory_bytes)
        _print_way(", ".join(f"{name} {_word(value)}" for name, value in changed.items()) or "as set", each)
    return 0 if any(fits) else 2


def sketch_of(kind: Kind) -> Callable[[Any], Sketch] | None:
    """The function of a kind that sketches its network, `plan.network`; None where it has none."""
    if not hasattr(importlib.import_module(kind.module), "__path__"):
        return None
    name = f"{kind.module}.plan"
    return importlib.import_module(name).network if importlib.util.find_spec(name) else None


def plan(plugin: Plugin, kind: Kind, settings: TrainSettings, machine: Machine) -> Plan:
    """Trace a kind's network and compute what the run takes.

    Raises:
        UserError: If the weights that it starts from cannot be had.
    """
    from training.fit.trace import trace

    sketch = sketch_of(kind)
    assert sketch is not None
    ready = with_weights(plugin, settings)
    traced = trace(partial(sketch, ready), settings, micro_batch(settings, machine))
    return Plan(settings, machine, traced, memory(traced, settings, machine), speed(traced, settings, machine))


def plan_findings(kind: Kind, settings: RunSettings) -> list[Finding]:
    """The row of the sheet about memory, before anything is loaded; none for a network that is small beside it.

    Args:
        settings: Without anything undecided, its weights resolved to folders.
    """
    sketch = sketch_of(kind) if isinstance(settings, TrainSettings) else None
    if sketch is None or not isinstance(settings, TrainSettings):
        return []
    machine = find_machine(THIS, settings.processes)
    if not machine.is_gpu:
        most = min(machine.memory_bytes, Limits().max_memory_mb * 2**20 // settings.processes)
        machine = replace(machine, memory_bytes=most)
    try:
        return _memory_findings(partial(sketch, settings), settings, machine)
    except UserError:
        raise
    except Exception:  # any architecture of the Hub comes here; one that cannot be traced can be trained all the same
        logger.exception("The network could not be traced.")
        return []


def _memory_findings(make: Callable[[], Sketch], settings: TrainSettings, machine: Machine) -> list[Finding]:
    from training.fit.trace import count_parameters, trace

    if TRAINING_BYTES * count_parameters(make) < SMALL_SHARE * machine.memory_bytes:
        return []
    traced = trace(make, settings, micro_batch(settings, machine))
    return [memory_finding(memory(traced, settings, machine), settings, machine)]


def refuse_too_large(kind: Kind, settings: RunSettings) -> None:
    """Refuse a run that will not fit into memory, before its weights are loaded.

    Raises:
        UserError: With what it needs, what there is, and what to change.
    """
    for finding in plan_findings(kind, settings):
        if finding.level == "red":
            raise UserError(f"{finding.title}. {finding.detail}")


def _decided(plugin: Plugin, kind: Kind, settings: TrainSettings, machine: Machine) -> TrainSettings:
    """Settings with everything decided: by the data where they are given; the precision by the machine."""
    if "precision" in settings.undecided() and machine.is_gpu:
        has_bf16 = not any(
            card in machine.name or FLAVOURS.get(machine.name, (0, ""))[1] == card for card in WITHOUT_BF16
        )
        settings = settings.model_copy(update={"precision": "bf16" if has_bf16 else "fp16"})
    if settings.value("data") or settings.value("dataset"):
        data = kind.read(settings)
        data.sheet.raise_if_blocked()
        return decide_settings(plugin, kind, data, settings).settings
    return settings.with_usual()


def _priced(machine: Machine) -> Machine:
    """The machine at the price that the Hub says, where it is one of HF Jobs and somebody is signed in."""
    if machine.name not in FLAVOURS:
        return machine
    from huggingface_hub import get_token

    from training.hf_jobs.remote_run import flavours

    token = get_token()
    prices = {each.name: each.dollars_an_hour for each in flavours(token)} if token else {}
    return replace(machine, dollars_an_hour=prices.get(machine.name))


def _print_head(plan: Plan) -> None:
    traced, settings, machine = plan.traced, plan.settings, plan.machine
    what = "processes" if machine.processes > 1 else "process"
    print(f"machine     {machine.name}: {machine.processes} {what} of {spell_bytes(machine.memory_bytes)}")
    print(f"network     {traced.parameters:,} parameters, {traced.trained:,} of them trained")
    unit = f"{traced.tokens // traced.rows:,} tokens" if traced.tokens > traced.rows else "1 image"
    print(f"step        {settings.batch_size:,} rows of {unit}; {traced.rows:,} at once in each process")
    print(f"            {settings.steps:,} steps in {settings.precision}, weights in {settings.value('weights_dtype')}")
    titles = ("weights", "gradients", "optimiser", "average", "activations", "gathered", "libraries", "peak")
    print(f"\n{'memory of one process':<42}{''.join(f'{title:>12}' for title in titles)}  fits")


def _print_way(title: str, plan: Plan) -> None:
    needed = plan.memory
    parts = (
        needed.weights, needed.gradients, needed.optimizer, needed.average,
        needed.activations, needed.gathered, needed.libraries, needed.peak,
    )  # fmt: skip
    fits = "yes" if needed.peak <= plan.machine.memory_bytes else "no"
    print(f"{title:<42}{''.join(f'{spell_bytes(part):>12}' for part in parts)}  {fits}")
    if plan.speed.hours:
        cost = "" if plan.speed.dollars is None else f", {plan.speed.dollars:,.2f} USD"
        unit = "tokens" if plan.traced.tokens > plan.traced.rows else "images"
        print(f"{'':<4}about {plan.speed.tokens_a_second:,.0f} {unit} a second, {_spell_hours(plan.speed.hours)}{cost}")


def _spell_hours(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours >= 1 else f"{60 * hours:,.1f} minutes"


def _word(value: object) -> str:
    return "on" if value is True else str(value)
