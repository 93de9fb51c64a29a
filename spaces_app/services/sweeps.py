"""Sweeps: make the runs, tell how they do, stop them and resume what failed. Each visitor sees their own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from plugins._contract import Kind, Plugin
from spaces_app.identity import check_may_train
from spaces_app.services.checks import CheckService
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.run_request import RunRequest
from spaces_app.services.runs import RunService, check_key
from spaces_app.settings import Settings
from training.errors import UserError
from training.runs.labels import MAX_NAME, MAX_TAG, checked_labels, write_labels
from training.runs.metrics import lower_is_better
from training.runs.registry import MAX_SHARE_OF_DISK
from training.runs.run import Run
from training.runs.sweeps import (
    Sweep,
    Sweeps,
    best_place,
    combinations,
    new_id,
    on_log_axis,
    sweepable,
    title_of,
)
from training.settings import RunSettings, TrainSettings

SHORT_ID = 6  # characters of a sweep's id that its tag has
DATA_FREE = set(TrainSettings.model_fields) - {
    "seed",
    "batch_size",
    "precision",
}  # no finding of the sheet depends on them
Combination = dict[str, Any]


@dataclass(frozen=True)
class SweepRequest:
    """What a visitor asks for.

    Args:
        base: The request that all runs share.
        fields: Setting -> a list of values, or {"low", "high"} with optional "log" and "points".
        how: "grid" or "random".
        count: Runs of a random sweep.
        seed: Of its draw.
        name: What to call it; empty for a part of its id.
    """

    base: RunRequest
    fields: dict[str, Any]
    how: str = "grid"
    count: int = 8
    seed: int = 0
    name: str = ""


class SweepService:
    """The sweeps of one server."""

    def __init__(self, settings: Settings, plugins: PluginCatalog, runs: RunService, checks: CheckService):
        self.settings, self.plugins, self._runs, self._checks = settings, plugins, runs, checks
        self._records = Sweeps(runs.store.folder)

    # -- before ----------------------------------------------------------------------------------------------------

    def base_of(self, run_id: str, visitor: str) -> RunRequest:
        """The request that made a run, with its data."""
        run = self._runs.get(run_id, visitor)
        config = run.config()
        fields = self.plugins.get(config["plugin"]).kind(config["trainer"]).trained_by.file_fields()
        values = {name: value for name, value in config["settings"].items() if name not in (*fields, "backup")}
        data = {name: run.folder / str(config["settings"][name]) for name in fields if config["settings"].get(name)}
        return RunRequest(config["plugin"], config["trainer"], values, data)

    def fields(self, run_id: str, visitor: str) -> dict[str, Any]:
        """What a sweep from a run can vary: setting -> type, value there, description, choices or limits."""
        base = self.base_of(run_id, visitor)
        kind = self.plugins.get(base.plugin).kind(base.trainer)
        known = sweepable(kind.trained_by)
        fields = {name: {**about, "value": base.values.get(name, about["default"])} for name, about in known.items()}
        return {
            "plugin": base.plugin,
            "trainer": base.trainer,
            "fields": fields,
            "secret": self.plugins.secret(base.plugin, base.trainer, base.values),
            "most": self.settings.max_sweep,
        }

    # -- act -------------------------------------------------------------------------------------------------------

    def start(self, request: SweepRequest, visitor: str, token: str | None = None, key: str = "") -> dict[str, Any]:
        """Check every combination, then make and queue all runs. Returns the sweep's state.

        Raises:
            UserError: As `RunService.train`, for any of the combinations; then nothing is made.
        """
        check_may_train(visitor, self.settings)
        check_key(key)
        kind = self.plugins.get(request.base.plugin).kind(request.base.trainer)
        chosen = combinations(
            kind.trained_by, request.fields, request.how, request.count, request.seed, self.settings.max_sweep
        )
        self._runs.check_room(visitor, len(chosen))
        requests = [
            replace(request.base, values={**request.base.values, **values, **_sent_nowhere(kind)}) for values in chosen
        ]
        checked = [self._runs.validate(each, visitor) for each in requests]
        self._check_sheets(checked, chosen)
        self._check_space(request.base, len(chosen))
        sweep_id = new_id()
        tag = checked_labels(request.name).name[:MAX_TAG] or f"sweep {sweep_id[-SHORT_ID:]}"
        runs = self._make(checked, chosen, visitor, tag)
        values = {run.id: each for run, each in zip(runs, chosen, strict=True)}
        plugin, trainer = request.base.plugin, request.base.trainer
        sweep = Sweep(sweep_id, visitor, plugin, trainer, request.how, list(request.fields), values, tag)
        self._records.write(sweep)
        for run, (_, kind, settings) in zip(runs, checked, strict=True):
            self._runs.enqueue(run, kind, settings, token, key)
        return self._state(sweep, "")

    def _check_sheets(self, checked: Sequence[tuple[Plugin, Kind, RunSettings]], chosen: list[Combination]) -> None:
        """The sheet of each combination that may change it: a learning rate does not, a column does."""
        seen = set()
        for (plugin, kind, settings), values in zip(checked, chosen, strict=True):
            shape = repr({name: value for name, value in values.items() if name not in DATA_FREE})
            if shape in seen:
                continue
            seen.add(shape)
            try:
                self._checks.sheet(plugin, kind, settings).raise_if_blocked()
            except UserError as error:
                raise UserError(f"With {title_of(values)}: {error}") from None

    def _check_space(self, base: RunRequest, runs: int) -> None:
        needed = runs * sum(path.stat().st_size for path in base.files.values() if path and path.is_file())
        folder = self._runs.store.folder
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if needed > free * MAX_SHARE_OF_DISK:
            raise UserError(
                f"The data of {runs} runs take {needed / 2**20:,.0f} MB and the disk has {free / 2**20:,.0f} MB left: "
                "give fewer values, or delete old runs."
            )

    def _make(
        self, checked: Sequence[tuple[Plugin, Kind, RunSettings]], chosen: list[Combination], visitor: str, tag: str
    ) -> list[Run]:
        """All runs, or none if one cannot be made."""
        made: list[Run] = []
        try:
            for (plugin, kind, settings), values in zip(checked, chosen, strict=True):
                made.append(self._runs.store.create(plugin.name, kind.name, settings, visitor))
                write_labels(made[-1].folder, checked_labels(title_of(values)[:MAX_NAME], [tag]))
        except BaseException:
            for run in made:
                with contextlib.suppress(UserError):  # the queue has started it meanwhile
                    run.cancel()
                    run.delete()
            raise
        return made

    def stop(self, sweep_id: str, visitor: str) -> dict[str, Any]:
        """Stop all runs of a sweep that wait or train; each keeps its best weights."""
        sweep = self._get(sweep_id, visitor)
        for run_id in reversed(sweep.values):  # the last first, so that none starts in between
            with contextlib.suppress(UserError):  # it has ended, or was deleted
                self._runs.cancel(run_id, visitor)
        return self._state(sweep, "")

    def resume(self, sweep_id: str, visitor: str, token: str | None = None, key: str = "") -> dict[str, Any]:
        """Queue again what was stopped, failed or lost of a sweep."""
        sweep = self._get(sweep_id, visitor)
        waiting = [row["run"] for row in self._rows(sweep) if row["status"] in ("cancelled", "failed", "lost")]
        if not waiting:
            raise UserError("Nothing of this sweep can be resumed: no run of it was stopped, failed or lost.")
        self._runs.check_room(visitor, len(waiting))
        for run_id in waiting:
            self._runs.resume(run_id, visitor, token, key)
        return self._state(sweep, "")

    # -- look ------------------------------------------------------------------------------------------------------

    def list(self, visitor: str) -> list[dict[str, Any]]:
        """A visitor's sweeps, the newest first: id, name, kind, fields and number of runs."""
        return [
            {"id": each.id, "name": each.name, "plugin": each.plugin, "trainer": each.trainer}
            | {"fields": each.fields, "runs": len(each.values), "created": each.created}
            for each in self._records.all()
            if self._may_see(each, visitor)
        ]

    def status(self, sweep_id: str, visitor: str, metric: str = "") -> dict[str, Any]:
        """How a sweep does: its runs with their values and metric, and the best.

        Args:
            metric: What to judge by; empty for the kind's first metric.
        """
        return self._state(self._get(sweep_id, visitor), metric)

    def _state(self, sweep: Sweep, metric: str) -> dict[str, Any]:
        rows = self._rows(sweep)
        metrics = list(dict.fromkeys(name for row in rows for name in row["best"]))
        first = next((row["metric"]["name"] for row in rows if row["metric"]), "")
        if metric and metric not in metrics:
            raise UserError(
                f"metric: no run of this sweep has measured {metric[:60]!r}. There are: {', '.join(metrics)}."
            )
        name = metric or first
        values = [row["best"].get(name) for row in rows]
        place = best_place(values, name)
        return {
            "id": sweep.id,
            "name": sweep.name,
            "plugin": sweep.plugin,
            "trainer": sweep.trainer,
            "how": sweep.how,
            "metric": name,
            "metrics": metrics,
            "lower_is_better": bool(name) and lower_is_better(name),
            "best": None if place is None else rows[place]["run"],
            "fields": [
                {"name": each, "log": on_log_axis([row["values"].get(each) for row in rows])} for each in sweep.fields
            ],
            "counts": {status: sum(row["status"] == status for row in rows) for status in {r["status"] for r in rows}},
            "runs": [
                {"run": row["run"], "values": row["values"], "status": row["status"], "message": row["message"]}
                | {"step": row["step"], "steps": row["steps"], "value": value, "seconds": row["seconds"]}
                for row, value in zip(rows, values, strict=True)
            ],
        }

    def _rows(self, sweep: Sweep) -> list[dict[str, Any]]:
        known = {row["id"]: row for row in self._runs.store.index.rows()}
        gone = {"status": "deleted", "best": {}, "metric": None, "step": 0, "steps": 0, "seconds": 0.0, "message": ""}
        return [{"run": run, "values": values, **known.get(run, gone)} for run, values in sweep.values.items()]

    def _get(self, sweep_id: str, visitor: str) -> Sweep:
        sweep = self._records.get(sweep_id.strip())
        if not self._may_see(sweep, visitor):
            raise UserError(f"There is no sweep {sweep.id}.")
        return sweep

    def _may_see(self, sweep: Sweep, visitor: str) -> bool:
        return not self.settings.is_shared or (visitor != "" and sweep.owner == visitor)


def _sent_nowhere(kind: Kind) -> Combination:
    """Runs of a sweep are not backed up: all would go to one repository."""
    return {"backup": ""} if "backup" in kind.trained_by.model_fields else {}
