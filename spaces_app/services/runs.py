"""Training runs: start, list, follow, cancel, resume and delete them, each visitor their own."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plugins._contract import Kind, Plugin
from plugins._discovery import starters_of
from spaces_app.identity import check_may_train, may_see
from spaces_app.services.checks import CheckService
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.run_request import RunRequest, check_runs, validate
from spaces_app.settings import Settings
from training.backup import uploader
from training.errors import UserError
from training.events import read_events
from training.hub.pull import repository
from training.labelling.sessions import open_session, session_of_run
from training.runs.forkserver import WarmProcess
from training.runs.index import Row
from training.runs.queue import KEY, Dispatcher, cancel_when_queued, move_to_front
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import RunSettings, TrainSettings
from training.thinned_events import read_thinned

MAX_KEY = 4096  # characters
MAX_SHOWN_BYTES = 20 * 2**20  # of a data file that a page opens with


class RunService:
    """The runs of one server, with the queue that starts them."""

    def __init__(self, settings: Settings, plugins: PluginCatalog, checks: CheckService, warm: WarmProcess):
        self.settings, self.plugins, self._checks = settings, plugins, checks
        self.store = Runs()
        # Run -> its visitor's token and key, from the click until the trainer starts; in memory only.
        self._secrets: dict[str, dict[str, str]] = {}
        self._queue = Dispatcher(
            self.store,
            settings.runs_at_once,
            warm,
            secrets_of=lambda run: self._secrets.pop(run.id, {}),
            limits=settings,
        )

    def start(self) -> None:
        """Start working the queue."""
        self._queue.watch()

    # -- look ------------------------------------------------------------------------------------------------------

    def get(self, run_id: str, visitor: str) -> Run:
        """A run that this visitor may see.

        Raises:
            UserError: If there is none; another visitor's run gives the same message.
        """
        run = self.store.get(run_id.strip())
        if not may_see(run, visitor, self.settings):
            raise UserError(f"There is no run {run.id}.")
        return run

    def own(self, visitor: str, plugin: Plugin | None = None, *, with_weights: bool = False) -> list[Run]:
        """A visitor's runs, the newest first: all, or one plugin's, or those that have weights."""
        return [self.store.known(row["id"]) for row in self._rows(visitor, plugin, with_weights=with_weights)]

    def descriptions(
        self, visitor: str, plugin: Plugin | None = None, *, with_weights: bool = False
    ) -> list[dict[str, Any]]:
        """What `own` gives, each as `status` describes it and with its name, tags, notes and data beside."""
        rows = self._rows(visitor, plugin, with_weights=with_weights)
        positions = self.positions() if any(row["status"] == "queued" for row in rows) else {}
        more = [{"title": self.plugins.title(row["plugin"], row["trainer"])} for row in rows]
        return [
            {**row, **title, "queue_position": positions.get(row["id"])} for row, title in zip(rows, more, strict=True)
        ]

    def _rows(self, visitor: str, plugin: Plugin | None = None, *, with_weights: bool = False) -> list[Row]:
        """The index's descriptions of a visitor's runs, the newest first: of 10,000 none is read again."""
        prefix = f"{plugin.name}-" if plugin else ""
        rows = [row for row in self.store.index.rows() if row["id"].startswith(prefix)]
        if self.settings.is_shared:
            rows = [row for row in rows if visitor and row["owner"] == visitor]
        return [row for row in rows if row["has_weights"] or not with_weights]

    def count(self, visitor: str) -> dict[str, int]:
        """Plugin -> number of a visitor's runs."""
        return dict(Counter(row["id"].rpartition("-")[0] for row in self._rows(visitor)))

    def newest(self, visitor: str) -> str:
        """The id of a visitor's newest run; empty if there is none."""
        return next((row["id"] for row in self._rows(visitor)), "")

    def archive(self, run_id: str, visitor: str) -> Path:
        """A zip of a run's weights, as they would be pushed, in a temporary folder."""
        weights = self.get(run_id, visitor).weights()
        folder = Path(tempfile.mkdtemp(prefix="selfsup-download-"))
        return Path(shutil.make_archive(str(folder / weights.parent.name), "zip", weights))

    def lost(self, visitor: str) -> list[str]:
        """The ids of a visitor's runs whose trainer stopped unexpectedly."""
        return [row["id"] for row in self._rows(visitor) if row["status"] == "lost"]

    def status(self, run_id: str, visitor: str) -> dict[str, Any]:
        """Describe a run: status, progress, metrics, place in the queue."""
        return self._describe(self.get(run_id, visitor))

    def secret(self, run_id: str, visitor: str) -> str:
        """The label of the secret that a run takes when it is resumed; empty for none."""
        config = self.get(run_id, visitor).config()
        return self.plugins.secret(config["plugin"], config["trainer"], config["settings"])

    def session(self, run_id: str, visitor: str) -> str:
        """Key of the labelling session that a run was made of; empty for none. Who knows it may label."""
        return session_of_run(self.get(run_id, visitor).folder)

    def keep_session(self, run_id: str, visitor: str, key: str) -> None:
        """Let a run lead to the labelling session that it was made of, which is kept as long as the run.

        Raises:
            UserError: If there is no such session.
        """
        open_session(key).keep_for(self.get(run_id, visitor).folder)

    def events(self, run_id: str, visitor: str, offset: int) -> dict[str, Any]:
        """Events from a byte offset on, with the status and the log's tail."""
        return self._events(self.get(run_id, visitor), offset, read_events)

    def page_events(self, run_id: str, visitor: str, offset: int) -> dict[str, Any]:
        """As `events`, but of a long record as many as a chart shows, in one answer."""
        return self._events(self.get(run_id, visitor), offset, read_thinned)

    def report(self, run_id: str, visitor: str) -> dict[str, Any]:
        """The tables of the best evaluation: title -> columns and rows; a study's text too."""
        path = self.get(run_id, visitor).folder / "report.json"
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # there is none yet, or it is damaged
            return {}
        return report if isinstance(report, dict) else {}

    def data(self, run_id: str, visitor: str) -> tuple[str, Path] | None:
        """The setting and path of the file that a run was evaluated on, else trained on; None if large or gone."""
        run = self.get(run_id, visitor)
        settings = run.settings(self.plugins.get(run.config()["plugin"]).kind(run.config()["trainer"]).trained_by)
        for name in ("eval_data", *settings.file_fields()[:1]):
            path = run.folder / (settings.value(name) or "")
            if path.is_file() and path.stat().st_size <= MAX_SHOWN_BYTES:
                return name, path
        return None

    # -- act -------------------------------------------------------------------------------------------------------

    def train(self, request: RunRequest, visitor: str, token: str | None = None, key: str = "") -> dict[str, Any]:
        """Check the data and queue a run; returns its description at once.

        Args:
            token: The visitor's Hub token, for the backup of the run where its settings ask for one.
            key: The visitor's API key, for a trainer that takes one.

        Raises:
            UserError: For what `validate` refuses, and for red rows of the preflight sheet.
        """
        check_may_train(visitor, self.settings)
        check_key(key)
        self.check_room(visitor)
        plugin, kind, settings = self.validate(request, visitor)
        self._checks.sheet(plugin, kind, settings).raise_if_blocked()
        if isinstance(settings, TrainSettings) and settings.backup:
            uploader.check(settings, starters_of(type(settings), plugin), token)
        run = self.store.create(plugin.name, kind.name, settings, visitor)
        return self.enqueue(run, kind, settings, token, key)

    def validate(self, request: RunRequest, visitor: str) -> tuple[Plugin, Kind, RunSettings]:
        """What `run_request.validate` checks, and that the visitor may see each run that the settings name.

        Raises:
            UserError: With what to correct.
        """
        plugin, kind, settings = validate(request, self.plugins, self.settings)
        check_runs(settings, self.store, visitor, self.settings)
        return plugin, kind, settings

    def check_room(self, visitor: str, runs: int = 1) -> None:
        """Refuse more runs at once than one visitor may have.

        Raises:
            UserError: With how many that is.
        """
        most = self.settings.runs_per_visitor
        if not most:
            return
        mine = [run for run in self.store.unfinished() if may_see(run, visitor, self.settings)]
        free = most - sum(run.status() in ("queued", "running") for run in mine)
        if 0 < free < runs:
            raise UserError(
                f"{runs} runs were asked for, and you may have {free} more waiting or training here: give fewer values."
            )
        if free <= 0:
            raise UserError(
                f"You have {most} runs waiting or training, as many as one visitor may have here: stop one, or wait."
            )

    def resume(self, run_id: str, visitor: str, token: str | None = None, key: str = "") -> dict[str, Any]:
        """Queue a stopped run again; `token` and `key` as for `train`."""
        run = self.get(run_id, visitor)
        check_may_train(visitor, self.settings)
        check_key(key)
        self.check_room(visitor)
        config = run.config()
        kind = self.plugins.get(config["plugin"]).kind(config["trainer"])
        settings = run.settings(kind.trained_by)
        self.settings.check(settings)  # made under other limits, or on another machine
        run.resume()
        return self.enqueue(run, kind, settings, token, key)

    def cancel(self, run_id: str, visitor: str) -> dict[str, Any]:
        """Ask a run to stop: it writes a checkpoint and keeps the best weights."""
        run = self.get(run_id, visitor)
        cancel_when_queued(run)
        self._secrets.pop(run.id, None)
        return self._describe(run)

    def delete(self, run_id: str, visitor: str) -> str:
        """Delete a run that is not running, with its data and weights. Returns its id."""
        run = self.get(run_id, visitor)
        run.delete()
        return run.id

    def enqueue(self, run: Run, kind: Kind, settings: RunSettings, token: str | None, key: str) -> dict[str, Any]:
        """Keep a new run's secrets until it starts, and start it if there is room. Returns its description."""
        asks_hub = settings.value("backup") or settings.value("dataset") or any(map(repository, settings.weights()))
        secrets = {"HF_TOKEN": token} if token and asks_hub else {}
        secrets |= {KEY: key.strip()} if key.strip() and kind.secret else {}
        if secrets:
            self._secrets[run.id] = secrets
        self._queue.pump()
        return self._describe(run)

    def positions(self) -> dict[str, int]:
        """Run -> its position in the queue, of all that wait."""
        return self._queue.positions()

    def to_front(self, run_id: str, visitor: str) -> dict[str, Any]:
        """Let a waiting run start before the visitor's others."""
        run = self.get(run_id, visitor)
        waiting = [other for other in self.store.unfinished() if may_see(other, visitor, self.settings)]
        move_to_front(run, waiting)
        return self._describe(run)

    def _describe(self, run: Run) -> dict[str, Any]:
        about = run.describe()
        title = self.plugins.title(about["plugin"], about["trainer"])
        return {**about, "title": title, "queue_position": self._queue.position(run)}

    def _events(self, run: Run, offset: int, read: Callable[[Path, int], tuple[list[dict], int]]) -> dict[str, Any]:
        path = run.folder / "events.jsonl"
        size = path.stat().st_size if path.is_file() else 0
        events, next_offset = read(path, max(0, min(offset, size))) if size else ([], 0)
        return {
            "events": events,
            "offset": next_offset,
            "status": {**self._describe(run), "log_tail": run.log_tail()},
        }


def check_key(key: str) -> None:
    """Refuse what no service gives out as a key, before it is taken.

    Raises:
        UserError: Without the key.
    """
    if len(key) > MAX_KEY or not key.isprintable() or not key.isascii():
        raise UserError(f"key: that is no API key; one has at most {MAX_KEY} printable ASCII characters.")
