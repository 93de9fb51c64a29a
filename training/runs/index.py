"""Descriptions of all runs below one folder, read once: what has ended is described again only when its files change.

An ended run costs two `stat` calls. The descriptions are kept in `.index.json` beside the runs, so that a server with
10,000 of them does not read all their events when it starts. The file is a cache: it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from training import files
from training.errors import UserError
from training.home import RUN_ID
from training.runs.labels import read_labels
from training.runs.metrics import main_metric
from training.runs.run import Run

FILE, FORMAT = ".index.json", 1
SAVE_EVERY = 50  # descriptions that are new
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
        self._unsaved = 0

    def rows(self) -> list[Row]:
        """A description of every run, the newest first. Callers must not change them."""
        live = [row for run in self.unfinished() if (row := _described(run))]
        ended = [row for _, row in list(self._known().values())]
        return sorted([*live, *ended], key=lambda row: row["made"], reverse=True)

    def unfinished(self) -> list[Run]:
        """The runs that wait, train, or cannot be read, in no order."""
        known, seen, live = self._known(), set(), []
        for name, signature in self._signatures():
            seen.add(name)
            if (entry := known.get(name)) is None or entry[0] != signature:
                live += self._look(name, signature, known)
        for name in [name for name in known if name not in seen]:
            known.pop(name, None)
        self._save_sometimes(known)
        return live

    def forget(self, run_id: str) -> None:
        """Describe a run anew: two changes within one tick of the file system's clock look like one."""
        self._known().pop(run_id, None)

    def _look(self, name: str, signature: Signature, known: dict[str, tuple[Signature, Row]]) -> list[Run]:
        """The run in a list if it has not ended; else its description is kept."""
        known.pop(name, None)
        with contextlib.suppress(UserError, FileNotFoundError):  # being created or deleted
            run = self._get(name)
            if run.status() not in ENDED:
                return [run]
            if row := _described(run):
                known[name] = (signature, row)
                self._unsaved += 1
        return []

    def _signatures(self) -> Iterator[tuple[str, Signature]]:
        try:
            names = [name for name in os.listdir(self.folder) if RUN_ID.fullmatch(name)]  # noqa: PTH208 - 3 times quicker
        except FileNotFoundError:
            return
        for name in names:
            path = f"{self.folder}/{name}"
            try:
                inside = os.stat(path)  # noqa: PTH116 - of 10,000 runs, each second
            except OSError:
                continue
            try:
                events = os.stat(f"{path}/events.jsonl")  # noqa: PTH116
            except OSError:
                events = inside
            yield name, [inside.st_mtime_ns, events.st_mtime_ns, events.st_size]

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
        if self._unsaved < SAVE_EVERY:
            return
        self._unsaved = 0
        with contextlib.suppress(OSError):  # a disk that is full or read-only: it stays a cache in memory
            files.write_text(self.folder / FILE, json.dumps({"format": FORMAT, "ended": dict(known)}))


def _described(run: Run) -> Row | None:
    """A run's description; None for one that is just being deleted."""
    try:
        labels = read_labels(run.folder)
        return {
            **run.describe(),
            "name": labels.name,
            "tags": list(labels.tags),
            "notes": labels.notes,
            "made": _made(run.folder),
            "owner": run.owner(),
            "data": _data_of(run),
            "metric": main_metric(run.summary().best),
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
