"""A run is a folder.

Its status is computed from its files and its lock, never stored, so all processes see the same.
"""

from __future__ import annotations

import contextlib
import copy
import math
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from training import files
from training.errors import RunHeldError, UserError
from training.events import FINAL, EventLog, Summary, read_states
from training.home import RUN_ID
from training.runs import lock_file
from training.runs.config_file import absolute_files, read_config
from training.settings import RunSettings, parse_settings

CONTENTS = {  # files of a run: all that is deleted from a folder that the user chose
    "owner", "data", "events.jsonl", "log.txt", "pid", "lock", "cancel", "checkpoint", "artifact", "artifact.old",
    "artifact.new", "report.json", "results.jsonl", "parts", "tracker", "backup",
    "push", "push.jsonl", "push.lock", "push.log", "labels.json", "labelling", "place", "heartbeats",
}  # fmt: skip
NOT_FOLDERS = ("lock", "push.lock", "cancel", "owner")
LOCK_HOLDERS = {"lock": "trained", "push.lock": "pushed"}  # lock file -> what happens to the run while it is held
LOG_TAIL = 4000  # characters
GRACE_SECONDS = 60.0  # from a cancel request to SIGTERM; SIGKILL follows after another sixth of it
S = TypeVar("S", bound=RunSettings)


@dataclass
class Run:
    """One training run. The trainer's process holds the file `lock`; while it lives no other writes events."""

    folder: Path
    _summary: Summary = field(default_factory=Summary)
    _offset: int = 0
    _config: dict[str, Any] | UserError = field(default_factory=dict)
    _config_version: int = 0
    _cancel_seen: tuple[int, float] = (0, 0.0)  # when the request was made, by the wall, and first seen, by no clock

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def artifact(self) -> Path:
        files.recover(self.folder / "artifact")
        return self.folder / "artifact"

    def weights(self) -> Path:
        """Return the artifact's folder.

        Raises:
            UserError: If no artifact was saved yet.
        """
        if not self.artifact.is_dir():
            raise UserError(f"Run {self.id} has no weights yet: it is {self.status()}.")
        return self.artifact

    def config(self) -> dict[str, Any]:
        """`plugin`, `trainer` and the changed settings, as `config.yaml` has them.

        Raises:
            UserError: If the file is damaged.
        """
        try:
            return self._read_config()
        except UserError as error:
            raise UserError(f"Run {self.id} is broken: {error}") from None

    def _read_config(self) -> dict[str, Any]:
        path = self.folder / "config.yaml"
        version = path.stat().st_mtime_ns
        if version != self._config_version:
            self._config_version = version
            try:
                self._config = read_config(path)
            except UserError as error:
                self._config = error  # reading it again, every second, would find the same
        if isinstance(self._config, UserError):
            raise self._config
        return copy.deepcopy(self._config)

    def damage(self) -> str:
        """What is wrong with the folder, so that the run can only be deleted; empty if nothing is."""
        try:
            self._read_config()
            self.summary()
        except UserError as error:
            return str(error)
        except OSError as error:
            return f"It cannot be read ({error.strerror})."
        return next((f"{name} is no file." for name in NOT_FOLDERS if (self.folder / name).is_dir()), "")

    def settings(self, kind: type[S]) -> S:
        """The settings, with the data files' paths made absolute."""
        return parse_settings(kind, absolute_files(self.config()["settings"], kind, self.folder))

    def owner(self) -> str:
        path = self.folder / "owner"
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""

    def summary(self) -> Summary:
        """Return all events folded into one summary; each call reads only the new ones."""
        while True:
            events, offset = read_states(self.folder / "events.jsonl", self._offset)
            for event in events:
                self._summary.fold(event)
            if offset == self._offset:
                return self._summary
            self._offset = offset

    def place(self) -> float:
        """What the queue is ordered by: when the run was queued, or the place that `queue.move_to_front` gave it."""
        with contextlib.suppress(OSError, ValueError):
            place = float((self.folder / "place").read_text())
            return place if math.isfinite(place) else self.summary().queued
        return self.summary().queued

    def status(self) -> str:
        """Return queued, running, finished, cancelled, failed, lost or broken."""
        return "broken" if self.damage() else self._status_of_files()

    def _status_of_files(self) -> str:
        held, summary = (
            self.is_held(),
            self.summary(),
        )  # in this order: a trainer writes its last event, then releases the lock
        if held:
            return "running"
        if summary.last in FINAL:
            return summary.last
        if (self.folder / "cancel").exists():
            return "cancelled"
        return "queued" if summary.last == "queued" else "lost"

    def describe(self) -> dict[str, Any]:
        """Return what the page, the API and the command line show of a run."""
        if damage := self.damage():
            return self._describe_broken(damage)
        summary, status, config = self.summary(), self._status_of_files(), self.config()
        return {
            "id": self.id,
            "plugin": config["plugin"],
            "trainer": config["trainer"],
            "status": status,
            "step": summary.step,
            "steps": summary.steps or config["settings"].get("steps", 0),
            "metrics": summary.metrics,
            "best": summary.best,
            "loss": summary.loss,
            "rate": summary.rate if status == "running" else None,
            "seconds": round(self._seconds(summary, status), 1),
            "seconds_left": self._seconds_left(summary, status),
            "message": self._message(summary, status),
            "created": summary.queued,
            "has_weights": self.artifact.is_dir(),
            "can_resume": status in ("lost", "cancelled", "failed"),
            "size_bytes": files.size_bytes(self.folder),
        }

    def _describe_broken(self, damage: str) -> dict[str, Any]:
        plugin = self.id.rpartition("-")[0]
        message = f"This run's folder is damaged: {damage} It can only be deleted."
        return {
            **dict.fromkeys(("loss", "rate", "seconds_left")),
            **{"id": self.id, "plugin": plugin, "trainer": "", "status": "broken", "message": message},
            **{"step": 0, "steps": 0, "metrics": {}, "best": {}, "seconds": 0.0, "created": 0.0},
            **{"has_weights": False, "can_resume": False, "size_bytes": files.size_bytes(self.folder)},
        }

    def _seconds(self, summary: Summary, status: str) -> float:
        if not summary.started:
            return 0.0
        end = time.time() if status == "running" else summary.ended or (self.folder / "events.jsonl").stat().st_mtime
        return summary.seconds_before + max(0.0, end - summary.started)

    def _seconds_left(self, summary: Summary, status: str) -> float | None:
        done = self._seconds(summary, status) - summary.seconds_before
        if status != "running" or summary.step < 2 or done <= 0:
            return None
        pace = self._seconds(summary, status) / summary.step
        return round(pace * (summary.steps - summary.step), 1)

    def _message(self, summary: Summary, status: str) -> str:
        if status == "cancelled":
            return self._cancel_reason() or summary.message
        if status == "lost":
            return (
                "The trainer's process stopped unexpectedly (killed, out of memory, or the machine restarted). "
                "Resume continues from the last checkpoint; "
                "if it was memory, halve batch_size or double gradient_accumulation."
            )
        return summary.message

    def _cancel_reason(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "cancel").read_text(encoding="utf-8", errors="replace")[:500]
        return ""

    def log_tail(self) -> str:
        """Return the end of what the trainer printed."""
        path = self.folder / "log.txt"
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL))
            return file.read().decode(errors="replace")

    def announce(self) -> None:
        """Tell the queues of all processes that this run is new, or goes on: they look at the runs' folder's time."""
        with contextlib.suppress(OSError):
            if RUN_ID.fullmatch(self.id):
                os.utime(self.folder.parent)

    def write_event(self, event: str, **values: object) -> None:
        EventLog(self.folder / "events.jsonl").write(event, **values)

    # -- lock and process ------------------------------------------------------------------------------------------

    def is_held(self, name: str = "lock") -> bool:
        """Whether a live process holds one of the run's lock files: by default the trainer's."""
        return lock_file.is_held(self.folder / name)

    @contextlib.contextmanager
    def lock(self, name: str = "lock") -> Iterator[int]:
        """Hold the run; yields the file descriptor, which a child process can inherit and so keep the lock.

        Args:
            name: One of `LOCK_HOLDERS`: training and pushing are independent of each other.

        Raises:
            RunHeldError: Another process holds it.
        """
        with contextlib.ExitStack() as stack:
            try:
                descriptor = stack.enter_context(lock_file.hold(self.folder / name))
            except BlockingIOError:
                raise RunHeldError(f"Run {self.id} is being {LOCK_HOLDERS[name]} by another process.") from None
            yield descriptor

    def cancel(self, reason: str = "") -> None:
        """Ask the trainer to stop: it writes a checkpoint, keeps the best weights and exits.

        Args:
            reason: The sentence that is shown of a run that a server stopped.
        """
        # A second request does not restart the grace period.
        with contextlib.suppress(FileExistsError), (self.folder / "cancel").open("x", encoding="utf-8") as file:
            file.write(reason)

    def kill(self) -> None:
        """End the trainer at once; its last checkpoint stays."""
        with contextlib.suppress(OSError, ValueError):
            lock_file.send_signal(int((self.folder / "pid").read_text()), signal.SIGKILL)

    def escalate(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Signal a trainer that ignored a cancel request: SIGTERM after a grace period, then SIGKILL.

        The period begins when this is first called after the request: clocks that are set do not change it.
        """
        try:
            request = (self.folder / "cancel").stat().st_mtime_ns
            process = int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return
        if request != self._cancel_seen[0]:
            self._cancel_seen = request, time.monotonic()
        waited = time.monotonic() - self._cancel_seen[1]
        if waited > grace_seconds and self.is_held():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                lock_file.send_signal(process, signal.SIGKILL if waited > grace_seconds * 7 / 6 else signal.SIGTERM)

    def resume(self) -> None:
        """Queue the run again; the trainer continues from the last checkpoint.

        Raises:
            UserError: If it is running, queued or finished.
        """
        status = self.status()
        if status not in ("lost", "cancelled", "failed"):
            raise UserError(f"Run {self.id} is {status}: only a lost, cancelled or failed run can be resumed.")
        for name in ("cancel", "place"):
            (self.folder / name).unlink(missing_ok=True)
        self.write_event("queued")
        self.announce()

    def delete(self) -> None:
        """Delete the folder; from a folder that the user chose, only the run's own files.

        Raises:
            UserError: While it runs.
        """
        for name in LOCK_HOLDERS:
            if (self.folder / name).is_dir():  # damage that would keep it from being locked
                _remove(self.folder / name)
        try:
            with self.lock(), self.lock(name="push.lock"):
                _remove(self.folder / "config.yaml")  # from here on it is not listed
                for path in list(self.folder.iterdir()):
                    if RUN_ID.fullmatch(self.id) or path.name in CONTENTS:
                        _remove(path)
                with contextlib.suppress(OSError):  # it holds the user's own files
                    self.folder.rmdir()
        except RunHeldError as error:
            raise UserError(f"{error} Stop that, or wait for its end, before you delete it.") from None


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
