"""Descriptions of all runs below one folder, read once: what has ended is described again only when its files change.

An ended run costs two `stat` calls. The descriptions are kept in `.index.json` beside the runs, so that a server with
10,000 of them does not read all their events when it starts. The file is a cache: it may be deleted at any time.

The queue looks each second, and for the runs that are going on alone: a run that is new, or is resumed, changes the
time of the runs' folder (`Run.announce`).
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from training import files
from training.errors import UserError
from training.home import RUN_ID
from training.runs.labels import read_labels
from training.runs.metrics import main_metric
from training.runs.run import Run

FILE, FORMAT = ".index.json", 2
SAVE_EVERY, SAVE_SECONDS = 50, 0.2  # descriptions that are new, or what they took to make
TICK_NS = 50_000_000  # longer than one of a file system's clock
ENDED = ("finished", "cancelled", "failed", "lost")
Signature = list[int]  # of a run's folder: changes with any file in it, and with every event
Row = dict[str, Any]


class RunIndex:
    """Descriptions of runs, `Run.describe` with labels, owner and data beside it.

    Args:
        folder: The runs' folder.
        get: A run's id -> the run.
    """

    def __init__(self, folder: Path, get: Callable[[str], Run]):
        self.folder, self._get = folder, get
        self._ended: dict[str, tuple[Signature, Row]] | None = None
        self._unsaved, self._unsaved_seconds = 0, 0.0
        self._live: list[str] = []  # at the last look at all
        self._looked_at, self._looked = 0, float("-inf")  # time of the folder then (ns), and when that was (monotonic)
        self._lock = threading.Lock()  # a second look at the same time would read all runs a second time

    def rows(self) -> list[Row]:
        """A description of every run, the newest first. Callers must not change them."""
        live = [row for run in self.unfinished() if (row := _described(run))]
        ended = [row for _, row in list(self._known().values())]
        return sorted([*live, *ended], key=lambda row: row["made"], reverse=True)

    def unfinished(self, max_age: float = 0.0) -> list[Run]:
        """The runs that wait, train, or cannot be read, in no order.

        Args:
            max_age: Seconds for which a run that had ended, and that another program changed, may be taken as ended;
                new and resumed runs are always seen.
        """
        with self._lock:
            changed = self._folder_time()
            if changed == self._looked_at and time.monotonic() - self._looked < max_age:
                return self._still_live()
            # A change within the same tick of the clock would not show.
            is_certain = time.time_ns() - changed > TICK_NS
            self._looked_at, self._looked = changed if is_certain else 0, time.monotonic()
            return self._look_at_all()

    def _look_at_all(self) -> list[Run]:
        known, seen, live = self._known(), set(), []
        for name, signature in self._signatures():
            seen.add(name)
            if (entry := known.get(name)) is None or entry[0] != signature:
                live += self._look(name, signature, known)
        for name in [name for name in known if name not in seen]:
            known.pop(name, None)
        self._save_sometimes(known)
        self._live = [run.id for run in live]
        return live

    def _still_live(self) -> list[Run]:
        """The runs that had not ended at the last look at all, and have not since."""
        known, live = self._known(), []
        for name in self._live:
            if (signature := _signature(f"{self.folder}/{name}")) is not None:
                live += self._look(name, signature, known)
        self._live = [run.id for run in live]
        return live

    def _folder_time(self) -> int:
        try:
            return self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def forget(self, run_id: str) -> None:
        """Describe a run anew: two changes within one tick of the file system's clock look like one."""
        self._known().pop(run_id, None)

    def _look(self, name: str, signature: Signature, known: dict[str, tuple[Signature, Row]]) -> list[Run]:
        """The run in a list if it has not ended; else its description is kept."""
        known.pop(name, None)
        started = time.perf_counter()
        with contextlib.suppress(UserError, FileNotFoundError):  # being created or deleted
            run = self._get(name)
            if run.status() not in ENDED:
                return [run]
            if row := _described(run):
                known[name] = (signature, row)
                self._unsaved += 1
                self._unsaved_seconds += time.perf_counter() - started
        return []

    def _signatures(self) -> Iterator[tuple[str, Signature]]:
        try:
            names = [name for name in os.listdir(self.folder) if RUN_ID.fullmatch(name)]  # noqa: PTH208 - 3 times quicker
        except FileNotFoundError:
            return
        for name in names:
            if (signature := _signature(f"{self.folder}/{name}")) is not None:
                yield name, signature

    def _known(self) -> dict[str, tuple[Signature, Row]]:
        if self._ended is None:
            self._ended = self._read()
        return self._ended

    def _read(self) -> dict[str, tuple[Signature, Row]]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            content = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
            if content["format"] == FORMAT:
                return {name: (signature, row) for name, (signature, row) in content["ended"].items()}
        return {}

    def _save_sometimes(self, known: dict[str, tuple[Signature, Row]]) -> None:
        if self._unsaved < SAVE_EVERY and self._unsaved_seconds < SAVE_SECONDS:
            return
        self._unsaved, self._unsaved_seconds = 0, 0.0
        with contextlib.suppress(OSError):  # a disk that is full or read-only: it stays a cache in memory
            files.write_text(self.folder / FILE, json.dumps({"format": FORMAT, "ended": dict(known)}))


def _signature(path: str) -> Signature | None:
    try:
        inside = os.stat(path)  # noqa: PTH116 - of 10,000 runs
    except OSError:
        return None
    try:
        events = os.stat(f"{path}/events.jsonl")  # noqa: PTH116
    except OSError:
        events = inside
    return [inside.st_mtime_ns, events.st_mtime_ns, events.st_size]


def _described(run: Run) -> Row | None:
    """A run's description; None for one that is just being deleted."""
    try:
        labels, about = read_labels(run.folder), run.describe()
        return {
            **about,
            "name": labels.name,
            "tags": list(labels.tags),
            "notes": labels.notes,
            "made": _made(run.folder),
            "owner": run.owner(),
            "data": _data_of(run),
            "metric": main_metric(about["best"]),
            "has_tensors": any(run.artifact.rglob("*.safetensors")),
            "tracker": _setting(run, "tracker") or "none",
        }
    except (FileNotFoundError, UserError):
        return None


def _made(folder: Path) -> float:
    owner = folder / "owner"  # written once
    return (owner if owner.exists() else folder).stat().st_mtime


def _data_of(run: Run) -> str:
    """The name of its training file, or its data set of the Hub."""
    return Path(str(_setting(run, "data") or "")).name or str(_setting(run, "dataset") or "")


def _setting(run: Run, name: str) -> Any:
    try:
        return run.config()["settings"].get(name)
    except UserError:  # broken
        return None
