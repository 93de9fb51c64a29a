"""Back a run up to the Hub while it trains: last checkpoint, events and data go to a private repository.

Training only creates hard links; one thread uploads. A newer checkpoint replaces one that still waits.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from training.backup.contents import Marker, stage
from training.backup.repository import Backup, inspect_repository
from training.errors import UserError
from training.events import EventLog
from training.home import RUN_ID
from training.hub.client import hub_errors, own_token
from training.runs.run import Run
from training.settings import TrainSettings

FINAL_SECONDS = 60.0  # to upload the last state, after training has ended
UPLOAD_PAUSE_FACTOR = 4  # pause after an upload, in times of its duration: uploads take a fifth of the network
STAGED = "backup"  # in the run's folder
NO_TOKEN = (
    "There is no backup from here on: nobody is signed in to the Hub (a restart of the server ends all sign-ins). "
    "Training continues; stop and resume it to sign in again."
)


def check(settings: TrainSettings, starters: Mapping[str, Path], token: str | None, run_id: str = "") -> None:
    """Check, before training starts, that its backup will work.

    Args:
        run_id: Of the run whose backup may exist already; empty for a new run.

    Raises:
        UserError: Nobody is signed in, they may not write there, the repository is public or holds something else, or
            the run starts from weights that another machine would not have.
    """
    local = [
        name
        for name in settings.weights()
        if name not in starters and (RUN_ID.fullmatch(name) or Path(name).is_absolute())
    ]
    if local:
        raise UserError(
            f"backup: this run starts from {Path(local[0]).name}, which is on this machine only, "
            "so that no other could resume it. Push those weights and start from owner/repo, or leave out backup."
        )
    if not token:
        raise UserError("backup: you are not signed in to the Hub. Sign in, run `hf auth login`, or set HF_TOKEN.")
    with hub_errors(settings.backup):
        inspect_repository(settings.backup, token, run_id)


@contextlib.contextmanager
def backed_up(run: Run, settings: TrainSettings, show: Callable[[dict], None]) -> Iterator[Callable[[dict], None]]:
    """Yield a listener for `fit`'s events that backs the run up to `settings.backup`; upload the last state at the end.

    Args:
        show: Called with every event, those of the backup included.
    """
    if not settings.backup:
        yield show
        return
    token = own_token()
    log = EventLog(run.folder / "events.jsonl", show)
    if not token or not RUN_ID.fullmatch(run.id):
        log.write("notice", message=NO_TOKEN if not token else "There is no backup of a run in a folder of its own.")
        yield show
        return
    listener = _Listener(run, Backup(settings.backup, token, run.id), log, show)
    try:
        yield listener
    finally:
        listener.finish(FINAL_SECONDS)


class _Listener:
    """Stages the run's files at each checkpoint, and passes them to the uploading thread."""

    def __init__(self, run: Run, backup: Backup, log: EventLog, show: Callable[[dict], None]):
        self.run, self.backup, self.log, self.show = run, backup, log, show
        self.folder = run.folder / STAGED
        shutil.rmtree(self.folder, ignore_errors=True)  # left by a run that was killed
        self.began = self.ended = False
        self.number, self.last_reason = 0, ""
        self.waiting: tuple[Path, Marker] | None = None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._work, name="backup", daemon=True)

    def __call__(self, event: dict) -> None:
        self.show(event)
        if event["event"] == "started":
            self.began = True
            self.thread.start()
        elif event["event"] == "checkpoint":
            self.stage()

    def stage(self) -> None:
        """Link the current files; training waits for this only."""
        self.number += 1
        folder = self.folder / str(self.number)
        try:
            step = stage(self.run, folder)
            config, status = self.run.config(), self.run.summary().last
        except (OSError, UserError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._notice(f"its files could not be gathered ({type(error).__name__}).")
            return
        marker = Marker(self.run.id, config["plugin"], config["trainer"], step, status, {})
        with self.changed:
            old, self.waiting = self.waiting, (folder, marker)
            self.changed.notify()
        if old:
            shutil.rmtree(old[0], ignore_errors=True)

    def finish(self, seconds: float) -> None:
        """Upload the last state, within so many seconds."""
        if not self.began:
            return
        self.stage()
        with self.changed:
            self.ended = True
            self.changed.notify()
        self.thread.join(seconds)
        if self.thread.is_alive():
            self._notice(f"the last state did not get there within {seconds:.0f} seconds.")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _work(self) -> None:
        while staged := self._next():
            started = time.monotonic()
            self._send(*staged)
            with self.changed:
                self.changed.wait_for(lambda: self.ended, UPLOAD_PAUSE_FACTOR * (time.monotonic() - started))

    def _next(self) -> tuple[Path, Marker] | None:
        with self.changed:
            self.changed.wait_for(lambda: self.waiting or self.ended)
            staged, self.waiting = self.waiting, None
            return staged

    def _send(self, folder: Path, marker: Marker) -> None:
        started = time.monotonic()
        try:
            with hub_errors(self.backup.repo):
                sent = self.backup.send(folder, marker)
        except Exception as error:  # no failure of a backup may end training
            self._notice(str(error) if isinstance(error, UserError) else f"it failed ({type(error).__name__}).")
        else:
            self.last_reason = ""
            seconds = round(time.monotonic() - started, 3)
            self._write("backup", checkpoint=marker.step, repo=self.backup.repo, size_bytes=sent, seconds=seconds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _notice(self, reason: str) -> None:
        """Write a notice once per reason, not at every checkpoint."""
        if reason == self.last_reason:
            return
        self.last_reason = reason
        following = "" if self.ended else " It is tried again at the next checkpoint; training continues."
        self._write("notice", message=f"No backup to {self.backup.repo}: {reason}{following}")

    def _write(self, event: str, **values: object) -> None:
        with contextlib.suppress(OSError):  # the disk is full, which the trainer reports
            self.log.write(event, **values)
