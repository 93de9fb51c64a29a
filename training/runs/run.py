"""A run is a folder.

Its status is computed from its files and its lock, never stored, so all processes see the same.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from training import files
from training.errors import RunHeldError, UserError
from training.events import FINAL, EventLog, Summary, read_events
from training.runs import lock_file
from training.runs.config_file import absolute_files
from training.settings import RunSettings, parse_settings

RUN_ID = re.compile(r"[a-z][a-z0-9_]{1,39}-[0-9a-f]{16}")
CONTENTS = {  # files of a run: all that is deleted from a folder that the user chose
    "owner", "data", "events.jsonl", "log.txt", "pid", "lock", "cancel", "checkpoint", "artifact", "artifact.old",
    "artifact.new", "report.json", "results.jsonl", "parts", "tracker", "backup",
    "push", "push.jsonl", "push.lock", "push.log",
}  # fmt: skip
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
        """`plugin`, `trainer` and the changed settings, as `config.yaml` has them."""
        try:
            return yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError):
            raise UserError(f"Run {self.id} has no readable config.yaml.") from None

    def settings(self, kind: type[S]) -> S:
        """The settings, with the data files' paths made absolute."""
        return parse_settings(kind, absolute_files(self.config()["settings"], kind, self.folder))

    def owner(self) -> str:
        path = self.folder / "owner"
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""

    def summary(self) -> Summary:
        """Return all events folded into one summary; each call reads only the new ones."""
        while True:
            events, offset = read_events(self.folder / "events.jsonl", self._offset)
            for event in events:
                self._summary.fold(event)
            if offset == self._offset:
                return self._summary
            self._offset = offset

    def status(self) -> str:
        """Return queued, running, finished, cancelled, failed or lost."""
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
        summary, status, config = self.summary(), self.status(), self.config()
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
        if status == "lost":
            return (
                "The trainer's process stopped unexpectedly (killed, out of memory, or the machine restarted). "
                "Resume continues from the last checkpoint; "
                "if it was memory, halve batch_size or double gradient_accumulation."
            )
        return summary.message

    def log_tail(self) -> str:
        """Return the end of what the trainer printed."""
        path = self.folder / "log.txt"
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL))
            return file.read().decode(errors="replace")

    def write_event(self, event: str, **values: Any) -> None:
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

    def cancel(self) -> None:
        """Ask the trainer to stop: it writes a checkpoint, keeps the best weights and exits."""
        with contextlib.suppress(FileExistsError):  # a second request does not restart the grace period
            (self.folder / "cancel").touch(exist_ok=False)

    def escalate(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Signal a trainer that ignored a cancel request: SIGTERM after a grace period, then SIGKILL."""
        try:
            waited = time.time() - (self.folder / "cancel").stat().st_mtime
            process = int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return
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
        (self.folder / "cancel").unlink(missing_ok=True)
        self.write_event("queued")

    def delete(self) -> None:
        """Delete the folder; from a folder that the user chose, only the run's own files.

        Raises:
            UserError: While it runs.
        """
        try:
            with self.lock(), self.lock(name="push.lock"):
                (self.folder / "config.yaml").unlink()  # from here on it is not listed
                for path in list(self.folder.iterdir()):
                    if RUN_ID.fullmatch(self.id) or path.name in CONTENTS:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                with contextlib.suppress(OSError):  # it holds the user's own files
                    self.folder.rmdir()
        except RunHeldError as error:
            raise UserError(f"{error} Stop that, or wait for its end, before you delete it.") from None
