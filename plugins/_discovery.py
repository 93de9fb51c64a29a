"""Find the plugins: packages and files beside this one, and entry points `selfsup.plugins` of installed packages."""

from __future__ import annotations

import importlib
import os
import pkgutil
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import plugins
from plugins._contract import Plugin
from training.errors import UserError
from training.settings import RunSettings

BUILT_IN = ("bert_finetune", "gpt_prompting", "ae_anomaly", "denoising_ae", "diffusion_cfg")
GROUP = "selfsup.plugins"
NOT_PLUGINS = ("testing",)


@dataclass(frozen=True)
class Found:
    """A plugin, or why it is not one."""

    name: str
    origin: str
    plugin: Plugin | None = None
    error: str = ""  # one line
    details: str = ""  # the traceback


def discover(chosen: str | None = None) -> list[Found]:
    """All plugins, the built-in ones first, each loaded in its own try: one that is broken is reported, not raised.

    Args:
        chosen: Comma-separated names to keep; `builtin` means the five and no third party's. Default:
            `SELFSUP_PLUGINS`, and all where that is empty.
    """
    chosen = os.environ.get("SELFSUP_PLUGINS", "") if chosen is None else chosen
    allowed = {name.strip() for name in chosen.split(",") if name.strip()}
    if "builtin" in allowed:
        allowed |= set(BUILT_IN)
    found: dict[str, Found] = {}
    for name, origin, get in _candidates():
        if (allowed and name not in allowed) or (
            "builtin" in allowed and name in BUILT_IN and not origin.startswith("plugins.")
        ):
            continue
        one = _load(name, origin, get)
        if one.name in found:
            one = Found(
                f"{one.name}_2", origin, error=f"There is a plugin {one.name!r} already, from {found[one.name].origin}."
            )
        found[one.name] = one
    return list(found.values())


def find(name: str) -> Plugin:
    """One plugin by name, loading no other.

    Raises:
        UserError: If it is not there, or is broken; the message says which.
    """
    for candidate, origin, get in _candidates():
        if candidate == name:
            one = _load(candidate, origin, get)
            if one.plugin is None:
                raise UserError(f"Plugin {name!r} from {origin} is broken: {one.error}")
            return one.plugin
    raise UserError(f"There is no plugin {name!r}; there are: {', '.join(sorted(c[0] for c in _candidates()))}.")


def plugin_of_weights(settings: type[RunSettings], field: str, plugin: Plugin) -> Plugin:
    """The plugin whose weights a field names: another one where the field says so.

    Args:
        plugin: Of the settings.

    Raises:
        UserError: If that one is not on this server.
    """
    if not (other := settings.weights_plugin(field)):
        return plugin
    owner = next((found.plugin for found in discover() if found.name == other), None)
    if owner is None:
        raise UserError(f"{field} names weights of the plugin {other}, which is not here: leave it empty.")
    return owner


def starters_of(settings: type[RunSettings], plugin: Plugin) -> dict[str, Path]:
    """Name -> folder of every starter that a field of the settings can name."""
    starters = dict(plugin.starters)
    for field in settings.weights_fields():
        with suppress(UserError):  # of a plugin that is not here, there are none
            starters |= plugin_of_weights(settings, field, plugin).starters
    return starters


def _candidates() -> list[tuple[str, str, Callable[[], object]]]:
    """(name, origin, how to get the record) of each, nothing imported yet."""
    here = [
        info.name
        for info in pkgutil.iter_modules(plugins.__path__)
        if not info.name.startswith("_") and info.name not in NOT_PLUGINS
    ]
    here.sort(key=lambda name: (BUILT_IN.index(name) if name in BUILT_IN else len(BUILT_IN), name))
    found: list[tuple[str, str, Callable[[], object]]] = [
        (name, f"plugins.{name}", _from_module(name)) for name in here
    ]
    return found + [(point.name, f"{point.value} (installed)", point.load) for point in _entry_points()]


@cache
def _entry_points() -> tuple[metadata.EntryPoint, ...]:
    return tuple(metadata.entry_points(group=GROUP))


def _from_module(name: str) -> Callable[[], object]:
    return lambda: importlib.import_module(f"plugins.{name}").PLUGIN


def _load(name: str, origin: str, get: Callable[[], object]) -> Found:
    try:
        plugin = get()
        if not isinstance(plugin, Plugin):
            raise TypeError(f"PLUGIN is a {type(plugin).__name__}, not a plugins._contract.Plugin.")
        if plugin.name != name:  # a run finds its plugin by name, importing no other
            raise ValueError(f"It is found as {name!r}, and its record is named {plugin.name!r}: make them one.")
        return Found(plugin.name, origin, plugin)
    except (
        BaseException
    ) as error:  # a stranger's code runs here; whatever it raises, sys.exit included, the page must live
        if isinstance(error, KeyboardInterrupt):
            raise
        return Found(name, origin, error=f"{type(error).__name__}: {error}", details=traceback.format_exc())
