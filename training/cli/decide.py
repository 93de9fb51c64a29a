"""Decide what a run's settings left to "auto", once, at its first start; its events are the record of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from plugins._contract import Kind, Plugin
from plugins._discovery import plugin_of_weights
from training.errors import UserError
from training.events import EventLog
from training.hub.pull import cached, repository
from training.preflight.auto import USUAL, Choice, Decision, count_parameters, decide
from training.preflight.limits import Limits
from training.runs.distributed import is_first
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import RunSettings, parse_settings
from training.task import Data

DECIDED = "auto"  # the event
WAIT_SECONDS = 600.0  # for the first of several processes to read the same data and decide


def decide_settings(plugin: Plugin, kind: Kind, data: Data, settings: RunSettings, pulls: bool = True) -> Decision:
    """What the kind's rules make of the data, and of the weights to start from.

    Args:
        pulls: Whether weights of the Hub may be fetched to learn about them; else those that are not here count as
            small.

    Raises:
        UserError: If the weights cannot be had, or what was decided and what was given do not fit.
    """
    choices, rules, given = {}, kind.rules(), settings
    if "model" in settings.undecided():
        start = getattr(rules, "start", None)
        choices["model"] = start(data, settings) if start else Choice("", USUAL)
        settings = settings.model_copy(update={"model": choices["model"].value})
    if choose := getattr(rules, "choose", None):
        start = settings.named_weights().get("model", "")
        if folder := _folder(plugin, settings, start, pulls):
            settings = settings.model_copy(update={"model": str(folder)})
        choices |= choose(data, settings, count_parameters(folder) if folder else int(bool(start)))
    return decide(given, choices, Limits())


def _folder(plugin: Plugin, settings: RunSettings, start: str, pulls: bool) -> Path | None:
    """Where the weights that training starts from are; None from scratch, and of the Hub's that are not here."""
    if not start:
        return None
    if not pulls and start not in plugin.starters and repository(start):
        return cached(start)
    return Path(with_weights(plugin, settings).value("model"))


def settings_of_run(run: Run, plugin: Plugin, kind: Kind, settings: RunSettings) -> RunSettings:
    """A run's settings with what was decided at its first start; a run from before there was auto has the usual values.

    Raises:
        UserError: If its record was altered: what it names is no starter, or out of range, or over a server's limits.
    """
    recorded = run.summary().decided
    if recorded is None:
        return settings.with_usual() if run.summary().started else settings
    values = {name: recorded[name] for name in settings.undecided() if name in recorded}
    if values.get("model") and values["model"] not in plugin.starters:
        raise UserError(f"Run {run.id} is broken: its events name weights that are no starter.")
    settings = parse_settings(kind.trained_by, {**dict(settings), **values}).with_usual()  # of fields that came later
    Limits().check_values({name: settings.value(name) for name in values})
    return settings


def decide_at_start(
    run: Run, plugin: Plugin, kind: Kind, data: Data, settings: RunSettings, listener: Callable[[dict], None]
) -> RunSettings:
    """Decide what is still open, and record it; of several processes the first decides for all.

    Raises:
        UserError: As `decide_settings`; that the first process did not decide.
    """
    if not settings.undecided():
        return settings
    if not is_first():
        return _decided_by_first(run, plugin, kind, settings)
    decision = decide_settings(plugin, kind, data, settings)
    log = EventLog(run.folder / "events.jsonl", listener)
    log.write(DECIDED, choices=decision.record(), message=decision.message())
    return decision.settings


def _decided_by_first(run: Run, plugin: Plugin, kind: Kind, settings: RunSettings) -> RunSettings:
    end = time.monotonic() + WAIT_SECONDS
    while run.summary().decided is None:
        if time.monotonic() > end:
            raise UserError(f"The first process did not decide the settings within {WAIT_SECONDS:g} seconds.")
        time.sleep(0.2)
    return settings_of_run(run, plugin, kind, settings)


def with_weights(plugin: Plugin, settings: RunSettings) -> RunSettings:
    """The settings with `model`, and what else names weights, turned from names into folders."""
    if not settings.weights():
        return settings
    from training.hub.client import own_token
    from training.weights import resolve_weights

    folders = {
        name: str(resolve_weights(value, owner.starters, Runs(), allow_folder=True, token=own_token()))
        for name, value in settings.named_weights().items()
        for owner in [plugin_of_weights(type(settings), name, plugin)]
    }
    return settings.model_copy(update=folders)
