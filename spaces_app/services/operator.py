"""The operator's view of a server: load, memory, disk, queue and everybody's runs, and what ends and clears them."""

from __future__ import annotations

import os
import shutil
import time
from typing import Any

import psutil

from spaces_app.services.runs import RunService
from spaces_app.settings import Settings
from training.data import caches
from training.errors import UserError
from training.home import CACHES, home
from training.runs.index import Row
from training.runs.queue import cancel_when_queued
from training.runs.run import Run

DAY = 86_400.0
UNFINISHED = ("queued", "running")


class OperatorService:
    """For whoever runs this server."""

    def __init__(self, settings: Settings, runs: RunService):
        self.settings, self.runs = settings, runs

    @property
    def owner(self) -> str:
        """The account of the operator; on a Space its author unless another is named."""
        return self.settings.owner or (os.environ.get("SPACE_AUTHOR_NAME", "") if self.settings.on_space else "")

    def may_operate(self, visitor: str) -> bool:
        """On one's own machine everybody; on a shared server its owner, signed in."""
        return not self.settings.is_shared or (bool(self.owner) and visitor == self.owner)

    def facts(self, visitor: str) -> dict[str, str]:
        """Load, memory, disk and queue, as words."""
        self._check(visitor)
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(_existing_home())
        states = [row["status"] for row in self.runs.store.index.rows()]
        return {
            "load": f"{os.getloadavg()[0]:.1f} of {psutil.cpu_count()} cores in the last minute",
            "memory": f"{_gb(memory.total - memory.available)} of {_gb(memory.total)} in use",
            "this process": _gb(psutil.Process().memory_info().rss),
            "disk": f"{_gb(disk.used)} of {_gb(disk.total)} in use",
            "queue": f"{states.count('running')} running, {states.count('queued')} waiting",
            **{CACHES[name]: _mb(found.size_bytes) for name, found in caches.usage().items()},
            "runs": f"{len(states)}, {states.count('broken')} broken",
        }

    def table(self, visitor: str) -> list[list[Any]]:
        """A row per run: id, owner, status, MB, days old; the newest first."""
        self._check(visitor)
        return [self._row(row) for row in self.runs.store.index.rows()]

    def end(self, run_id: str, visitor: str) -> None:
        """Stop anybody's run; its best weights are kept.

        Raises:
            UserError: If none is named, or there is none of that id.
        """
        self._check(visitor)
        if not run_id.strip():
            raise UserError("Which run? Write its id, as the table has it, and press Stop this run again.")
        cancel_when_queued(self.runs.store.get(run_id.strip()))

    def clear(self, days: float, visitor: str) -> tuple[int, int]:
        """Delete every run that ended more than so many days ago. Returns their number and bytes."""
        self._check(visitor)
        old = [run for run in self.runs.store.all() if run.status() not in UNFINISHED and _age(run) >= days * DAY]
        freed = sum(run.describe()["size_bytes"] for run in old)
        for run in old:
            run.delete()
        return len(old), freed

    def clear_caches(self, visitor: str) -> int:
        """Delete the caches, but for what a process is making; a run makes again what it needs. Returns bytes."""
        self._check(visitor)
        return sum(freed.size_bytes for freed in caches.clear().values())

    def _row(self, row: Row) -> list[Any]:
        age = _age(self.runs.store.known(row["id"]))
        return [row["id"], row["owner"], row["status"], round(row["size_bytes"] / 2**20, 1), round(age / DAY, 1)]

    def _check(self, visitor: str) -> None:
        if not self.may_operate(visitor):
            raise UserError("Only the owner of this server sees this: sign in with that account.")


def _age(run: Run) -> float:
    """Seconds since anything happened to it."""
    path = run.folder / "events.jsonl"
    return time.time() - (path if path.exists() else run.folder).stat().st_mtime


def _existing_home() -> str:
    folder = home()
    while not folder.exists():
        folder = folder.parent
    return str(folder)


def _mb(count: float) -> str:
    return f"{count / 2**20:,.1f} MB"


def _gb(count: float) -> str:
    return f"{count / 2**30:.1f} GB"
