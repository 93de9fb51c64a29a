"""A run is a folder. Its state is computed from the files, never stored, so that any process sees the same."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from training import files
from training.data.images.zip_folder import pack
from training.data.table_cache import carry_over
from training.errors import RunHeldError, UserError
from training.events import FINAL, EventLog, Summary, read_events
from training.home import runs_folder
from training.settings import RunSettings, parse_settings

RUN_ID = re.compile(r"[a-z][a-z0-9_]{1,39}-[0-9a-f]{16}")
CONTENTS = {  # what is deleted with a run whose folder its user chose
    "owner", "data", "events.jsonl", "log.txt", "pid", "lock", "cancel", "checkpoint", "artifact", "artifact.old",
    "artifact.new", "report.json", "results.jsonl", "parts", "tracker", "backup", "push", "push.jsonl", "push.lock", "push.log",
}  # fmt: skip
LOCK_HOLDERS = {"lock": "trained", "push.lock": "pushed"}  # lock file -> what its holder does
LOG_TAIL = 4000  # characters
GRACE_SECONDS = 60.0  # from a stop asked for to SIGTERM, and from that to SIGKILL a sixth of it
LOCK_ATTEMPTS = 50  # tries a hundredth of a second apart: whoever only looks holds a run for less
S = TypeVar("S", bound=RunSettings)


@dataclass
class Run:
    """One training run. The trainer's process holds `lock`; it alone writes events while it lives."""

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
        """The artifact's folder.

        Raises:
            UserError: If none was saved yet.
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
        """All events folded; only the new ones are read at each call."""
        while True:
            events, offset = read_events(self.folder / "events.jsonl", self._offset)
            for event in events:
                self._summary.fold(event)
            if offset == self._offset:
                return self._summary
            self._offset = offset

    def status(self) -> str:
        """queued, running, finished, cancelled, failed or lost."""
        held, summary = self.is_held(), self.summary()  # in this order: a trainer writes its last event, then lets go
        if held:
            return "running"
        if summary.last in FINAL:
            return summary.last
        if (self.folder / "cancel").exists():
            return "cancelled"
        return "queued" if summary.last == "queued" else "lost"

    def describe(self) -> dict[str, Any]:
        """What the page, the API and the command line show of a run."""
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
                "The trainer's process ended without a word (killed, out of memory, or the machine restarted). "
                "Resume goes on from the last checkpoint; if it was memory, halve batch_size or double gradient_accumulation."
            )
        return summary.message

    def log_tail(self) -> str:
        """The end of what the trainer printed."""
        path = self.folder / "log.txt"
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL))
            return file.read().decode(errors="replace")

    def tell(self, event: str, **values: Any) -> None:
        EventLog(self.folder / "events.jsonl").write(event, **values)

    # -- lock and process ------------------------------------------------------------------------------------------

    def is_held(self, name: str = "lock") -> bool:
        """Whether its worker lives, the trainer by default: the kernel lets go of the lock when its process ends, however it ends."""
        if not (self.folder / name).exists():
            return False
        try:
            with self.lock(fcntl.LOCK_SH, name):  # shared, so that two who look do not see each other
                return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def lock(self, kind: int = fcntl.LOCK_EX, name: str = "lock") -> Iterator[int]:
        """Hold the run; yields the file descriptor, which a child process can inherit and so keep the lock.

        Args:
            kind: Exclusive, or shared for one who only looks.
            name: The lock's file, one of `WORK`: training and pushing go on beside each other.

        Raises:
            RunHeldError: Another process holds it.
        """
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _take(descriptor, kind, tries=LOCK_ATTEMPTS if kind == fcntl.LOCK_EX else 1):
                raise RunHeldError(f"Run {self.id} is being {LOCK_HOLDERS[name]} by another process.")
            yield descriptor
        finally:
            os.close(descriptor)

    def cancel(self) -> None:
        """Ask the trainer to stop: it writes a checkpoint, keeps the best weights and exits."""
        with contextlib.suppress(FileExistsError):  # asked twice: the patience counts from the first time
            (self.folder / "cancel").touch(exist_ok=False)

    def escalate(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Signal a trainer that did not heed `cancel`: SIGTERM after the grace, then SIGKILL, to its whole group."""
        try:
            waited = time.time() - (self.folder / "cancel").stat().st_mtime
            process = int((self.folder / "pid").read_text())
        except (OSError, ValueError):
            return
        if waited > grace_seconds and self.is_held():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                _signal(process, signal.SIGKILL if waited > grace_seconds * 7 / 6 else signal.SIGTERM)

    def resume(self) -> None:
        """Put the run back into the queue; the trainer goes on from the last checkpoint.

        Raises:
            UserError: If it is running, queued or finished.
        """
        status = self.status()
        if status not in ("lost", "cancelled", "failed"):
            raise UserError(f"Run {self.id} is {status}: only a lost, cancelled or failed run can be resumed.")
        (self.folder / "cancel").unlink(missing_ok=True)
        self.tell("queued")

    def delete(self) -> None:
        """Remove the folder; of one that its user chose only what the run put there.

        Raises:
            UserError: While it runs.
        """
        try:
            with self.lock(), self.lock(name="push.lock"):
                (self.folder / "config.yaml").unlink()  # from here on nobody lists it
                for path in list(self.folder.iterdir()):
                    if RUN_ID.fullmatch(self.id) or path.name in CONTENTS:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                with contextlib.suppress(OSError):  # the user's own files are in it
                    self.folder.rmdir()
        except RunHeldError as error:
            raise UserError(f"{error} Stop that, or wait for its end, before you delete it.") from None


class Runs:
    """The runs below one folder. Keeps what was read of each, so that a poll reads new events only."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or runs_folder()
        self._known: dict[str, Run] = {}

    def create(
        self, plugin: str, trainer: str, settings: RunSettings, owner: str = "", folder: Path | None = None
    ) -> Run:
        """Make the folder of a new run, copy its data in and queue it.

        Raises:
            UserError: If the disk has no room for the data, or `folder` already holds a run.
        """
        run = Run(folder or self.folder / f"{plugin}-{secrets.token_hex(8)}")
        if (run.folder / "config.yaml").exists():
            raise UserError(f"{run.folder.name} already holds a run; resume it, or choose another folder.")
        run.folder.mkdir(parents=True, exist_ok=True)
        values = settings.changed() | _copy_files(settings, run.folder)
        files.write_text(run.folder / "owner", owner)
        files.write_text(run.folder / "config.yaml", to_yaml(plugin, trainer, values))
        run.tell("queued")
        return run

    def get(self, run_id: str) -> Run:
        """The run of that id.

        Raises:
            UserError: If the id is not of the form that ids have, or there is no such run.
        """
        if not RUN_ID.fullmatch(run_id):
            raise UserError(f"{run_id[:60]!r} is not a run's id; ids look like bert_finetune-0123456789abcdef.")
        folder = self.folder / run_id
        if not (folder / "config.yaml").exists():
            self._known.pop(run_id, None)
            raise UserError(f"There is no run {run_id}.")
        return self._known.setdefault(run_id, Run(folder))

    def all(self) -> list[Run]:
        """Every run, the newest first."""
        names = (
            [path.name for path in self.folder.iterdir() if RUN_ID.fullmatch(path.name)] if self.folder.exists() else []
        )
        found: list[tuple[float, Run]] = []
        for name in names:
            with contextlib.suppress(FileNotFoundError, UserError):  # being made, or being deleted
                found.append(((self.folder / name / "owner").stat().st_mtime, self.get(name)))
        return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)]


def named_run(name: str) -> Run:
    """The run of an id, or of the folder it lives in.

    Raises:
        UserError: If there is none.
    """
    folder = Path(name)
    return Run(folder.resolve()) if (folder / "config.yaml").is_file() else Runs().get(name)


def _take(descriptor: int, kind: int, tries: int) -> bool:
    for left in range(tries - 1, -1, -1):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        time.sleep(0.01 if left else 0)
    return False


def _signal(process: int, number: int) -> None:
    """To the group that a trainer leads; one started by a script shares the script's, which must live."""
    if os.getpgid(process) == process:
        os.killpg(process, number)
    else:
        os.kill(process, number)


def to_yaml(plugin: str, trainer: str, values: Mapping[str, Any]) -> str:
    """A run's configuration as a file that `--config` reads."""
    readable = all(str(value).isprintable() for value in values.values())  # unescaped, YAML changes U+0085 and U+2028
    content = {"plugin": plugin, "trainer": trainer, "settings": dict(values)}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=readable)


def absolute_files(values: Mapping[str, Any], kind: type[RunSettings], folder: Path) -> dict[str, Any]:
    """Resolve the file fields of a configuration against the folder that holds it."""
    return {key: str(folder / value) if key in kind.file_fields() and value else value for key, value in values.items()}


def _copy_files(settings: RunSettings, folder: Path) -> dict[str, str]:
    """Copy each file field into `folder/data`; returns field -> path relative to the run."""
    copied: dict[str, str] = {}
    for name in settings.file_fields():
        source = Path(getattr(settings, name)) if getattr(settings, name) else None
        if source is None:
            continue
        _check_space(folder, files.size_bytes(source) if source.is_dir() else source.stat().st_size)
        target = folder / "data" / (source.name if name == "data" else f"{name}-{source.name}")
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            target = target.with_name(f"{target.name}.zip")
            pack(source, target)
        else:
            shutil.copyfile(source, target)
            carry_over(source, target)
        copied[name] = str(target.relative_to(folder))
    return copied


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free * 0.9:
        raise UserError(
            f"The data take {needed / 2**20:.0f} MB and the disk has {free / 2**20:.0f} MB left: delete old runs first."
        )
