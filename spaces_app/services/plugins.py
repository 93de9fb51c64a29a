"""The plugins on the page, and those that could not be loaded or rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from plugins._contract import Kind, Plugin
from plugins._discovery import Found
from training.errors import UserError
from training.settings import HOSTED


class PluginCatalog:
    """Plugins by name, with the reason for each that is broken."""

    def __init__(self, found: list[Found]):
        self.found = found
        self._working = {candidate.name: candidate.plugin for candidate in found if candidate.plugin}

    def all(self) -> list[Plugin]:
        """The plugins that work."""
        return list(self._working.values())

    def get(self, name: str) -> Plugin:
        """One plugin, or a UserError that lists what there is."""
        if name not in self._working:
            raise UserError(f"There is no plugin {name[:60]!r}; there are: {', '.join(self._working)}.")
        return self._working[name]

    def title(self, plugin: str, kind: str) -> str:
        """What a person calls a kind, also of a plugin that is gone."""
        found = self._kind(plugin, kind)
        return found.title if found else f"{plugin} {kind}".strip()

    def secret(self, plugin: str, kind: str, values: Mapping[str, Any]) -> str:
        """The label of the secret that a run of a kind with these settings takes; empty for none."""
        found = self._kind(plugin, kind)
        if found is None or not found.secret:
            return ""
        hosted = [values.get(name, "") for name in found.trained_by.hosted_fields()]
        return found.secret if not hosted or any(str(each).startswith(HOSTED) for each in hosted) else ""

    def answers(self, plugin: str, kind: str) -> bool:
        """Whether weights of a kind can be tried."""
        found = self._kind(plugin, kind)
        return found is not None and found.endpoints is not None

    def starts_from(self, plugin: str, kind: str) -> bool:
        """Whether a run of a kind may start from weights."""
        found = self._kind(plugin, kind)
        return found is not None and bool(found.trained_by.weights_fields())

    def feeds(self, plugin: str, kind: str) -> tuple[str, ...]:
        """What weights of a kind are used for in others, as "kind.field"."""
        found = self._kind(plugin, kind)
        return found.feeds if found else ()

    def taking(self, takes: str) -> list[tuple[Plugin, Kind]]:
        """The kinds that can be trained on such data."""
        return [(plugin, kind) for plugin in self.all() for kind in plugin.trainable if takes in kind.takes]

    def _kind(self, plugin: str, kind: str) -> Kind | None:
        """A kind; None of a plugin that is gone."""
        try:
            return self.get(plugin).kind(kind)
        except UserError:
            return None

    def drop(self, name: str, error: str, details: str) -> None:
        """Count a plugin as broken from now on, for this reason."""
        del self._working[name]
        self.found = [
            replace(candidate, plugin=None, error=error, details=details) if candidate.name == name else candidate
            for candidate in self.found
        ]

    def describe(self) -> list[dict[str, Any]]:
        """Every plugin with its trainers' settings as JSON schemas and its endpoints; a broken one with its reason."""
        return [
            _describe(candidate.plugin) if candidate.plugin else {"name": candidate.name, "error": candidate.error}
            for candidate in self.found
        ]


def _describe(plugin: Plugin) -> dict[str, Any]:
    names = [*plugin.endpoints, *(tool.__name__ for tool in plugin.tools)]
    names += [f"{verb}_{document.name}" for document in plugin.documents for verb in ("push", "pull")]
    return {
        "name": plugin.name,
        "title": plugin.title,
        "summary": plugin.summary,
        "trainers": [_describe_kind(kind) for kind in plugin.trainable],
        "endpoints": [f"/{plugin.name}_{name}" for name in names],
        "starters": list(plugin.starters),
    }


def _describe_kind(kind: Kind) -> dict[str, Any]:
    samples = [
        {"name": sample.value, "title": sample.title, "about": sample.about, "license": sample.license}
        for sample in kind.samples
    ]
    return {
        "name": kind.name,
        "title": kind.title,
        "settings": kind.trained_by.model_json_schema(),
        "samples": samples,
    }
