"""Preflight checks, each in a process of its own: findings about the data, and on request two measured steps."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from plugins._contract import Kind, Plugin
from spaces_app.identity import check_may_train
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.run_request import RunRequest, check_runs, validate
from spaces_app.services.worker import Worker
from spaces_app.settings import Settings
from training.preflight.auto import preset_steps
from training.preflight.sheet import Sheet
from training.runs.config_file import to_yaml
from training.runs.registry import Runs
from training.settings import RunSettings

CHECK_SECONDS, READ_SECONDS = 300.0, 120.0


class CheckService:
    """Examines what visitors want to train on."""

    def __init__(self, settings: Settings, plugins: PluginCatalog, worker: Worker):
        self.settings, self.plugins, self._worker = settings, plugins, worker
        self._looks: dict[tuple[str, str], Future[dict[str, Any]]] = {}  # visitor and request -> what is being found

    def check(self, request: RunRequest, visitor: str) -> dict[str, Any]:
        """The whole preflight sheet, as `Sheet.to_dict` gives it, with trial steps.

        Raises:
            UserError: As `RunService.train` does; a trial step is training too, with the weights that are named.
        """
        check_may_train(visitor, self.settings)
        plugin, kind, settings = validate(request, self.plugins, self.settings)
        check_runs(settings, Runs(), visitor, self.settings)
        return self._run("check", plugin, kind, settings, CHECK_SECONDS)

    def look(self, request: RunRequest, visitor: str) -> dict[str, Any]:
        """What is found in the data alone, as `Sheet.to_dict` gives it: quick, without trial steps.

        Whoever asks the same meanwhile gets the same answer: a menu tells of one choice twice.

        Raises:
            UserError: As `validate` does.
        """
        check_may_train(visitor, self.settings)
        key, mine = (visitor, repr(request)), Future[dict[str, Any]]()
        if (look := self._looks.setdefault(key, mine)) is mine:
            try:
                mine.set_result(self.sheet(*validate(request, self.plugins, self.settings)).to_dict())
            except BaseException as error:  # whoever waits for it has to hear of it
                mine.set_exception(error)
            finally:
                del self._looks[key]
        return look.result()

    def preset_steps(self, request: RunRequest, visitor: str) -> dict[str, int]:
        """Preset -> its steps for these data, whatever steps are asked for; empty where no row says how many.

        Raises:
            UserError: As `look`; for red rows of the sheet.
        """
        check_may_train(visitor, self.settings)
        values = {name: value for name, value in request.values.items() if name != "steps"}
        plugin, kind, settings = validate(replace(request, values=values), self.plugins, self.settings)
        sheet = Sheet.from_dict(self._run("sheet", plugin, kind, settings, READ_SECONDS))
        sheet.raise_if_blocked()
        return self.presets_of(sheet.decided, settings.value("steps", 0))

    def presets_of(self, decided: Mapping[str, Mapping[str, Any]], given: int = 0) -> dict[str, int]:
        """Preset -> its steps, by what was decided of a sheet, or else by what is given; empty without either."""
        choice = decided.get("steps", {})
        steps = int(given or choice.get("value", 0))
        return preset_steps(steps, self.settings, choice.get("quick", 0)) if steps else {}

    def sheet(self, plugin: Plugin, kind: Kind, settings: RunSettings) -> Sheet:
        """The findings about the data, without trial steps."""
        if not self._worker.is_warm:  # a new interpreter would take seconds for its imports
            return kind.examine(settings)[1]
        return Sheet.from_dict(self._run("sheet", plugin, kind, settings, READ_SECONDS))

    def _run(self, command: str, plugin: Plugin, kind: Kind, settings: RunSettings, seconds: float) -> dict[str, Any]:
        config = to_yaml(plugin.name, kind.name, settings.changed())
        return self._worker.run([command, plugin.name, kind.name], seconds, {"config": config})
