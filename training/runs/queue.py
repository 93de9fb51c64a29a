"""The queue: starts queued runs, at most N at once, in detached processes that outlive the one that started them."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from training import files
from training.errors import RunHeldError, UserError
from training.home import is_shared
from training.preflight.limits import Limits
from training.runs.excess import excess_of
from training.runs.forkserver import WarmProcess
from training.runs.registry import Runs
from training.runs.run import GRACE_SECONDS, Run

logger = logging.getLogger(__name__)
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "SELFSUP_KEY")
KEY = "SELFSUP_KEY"  # for a service that the run calls (a hosted model)
LOOK_SECONDS = 10.0  # between two looks at runs that have ended
Secrets = Mapping[str, str]  # environment variable -> value, for one process; kept in memory only


class Dispatcher:
    """Any live process may advance the queue (page, command line, a trainer that ends); a lock admits one at a time.

    Args:
        runs: The runs to start.
        at_once: Most runs that train at the same time.
        warm: A process with the imports done, which forks to start a run; without it each run imports by itself.
        grace_seconds: From a cancel request to SIGTERM; SIGKILL follows after another sixth of it.
        secrets_of: Returns the secrets of a run, if its user handed any over: a token for the Hub, a key.
        limits: Of what a run may take; one that takes more is stopped. None: no limit.
    """

    def __init__(
        self,
        runs: Runs,
        at_once: int = 1,
        warm: WarmProcess | None = None,
        grace_seconds: float = GRACE_SECONDS,
        secrets_of: Callable[[Run], Secrets] = lambda run: {},
        limits: Limits | None = None,
    ):
        self.limits = limits
        self.secrets_of = secrets_of
        self.runs, self.at_once, self.warm, self.grace_seconds = runs, at_once, warm, grace_seconds
        self._wake = threading.Event()

    def pump(self) -> None:
        """Start queued runs and signal runs that ignored a cancel request."""
        with _queue_lock(self.runs) as is_mine:
            if not is_mine:
                return
            states = [(run, run.status()) for run in self.runs.unfinished(LOOK_SECONDS)]
            for run in (run for run, status in states if status == "running"):
                with _damage_is_its_own(run):
                    self._guard(run)
            free = self.at_once - sum(status == "running" for _, status in states)
            oldest_first = [run for run, status in reversed(states) if status == "queued"]
            queued = sorted(oldest_first, key=Run.place)
            for run in queued[: max(0, free)]:
                with _damage_is_its_own(run):
                    self._start(run)

    def _guard(self, run: Run) -> None:
        """Stop a run that takes more than it may, and press one that does not stop."""
        if self.limits and (excess := excess_of(run, self.limits)):
            run.cancel(excess.reason)
            if excess.is_urgent:
                run.kill()
        run.escalate(self.grace_seconds)

    def _start(self, run: Run) -> None:
        try:
            with run.lock() as descriptor:
                run.write_event("starting")
                log, secrets = run.folder / "log.txt", self.secrets_of(run)
                if not (self.warm and self.warm.start(["run", str(run.folder)], log, descriptor, secrets)):
                    start_process(["run", str(run.folder)], log, descriptor, secrets)
        except RunHeldError:
            return  # a status check holds it for a moment: the next pump starts it

    def watch(self, seconds: float = 1.0) -> None:
        """Pump every `seconds` in a background thread of this process; `wake` pumps at once."""

        def work() -> None:
            last = ""
            while True:
                try:
                    self.pump()
                except Exception as error:  # of the runs' folder itself: a disk that is full, or gone
                    if str(error) != last:  # said once, not every second
                        logger.exception("Error in the queue; it continues.")
                    last = str(error)
                self._wake.wait(seconds)
                self._wake.clear()

        threading.Thread(target=work, name="dispatcher", daemon=True).start()

    def wake(self) -> None:
        self._wake.set()

    def position(self, run: Run) -> int | None:
        """Return the run's position in the queue, from 1, or None if it is not queued."""
        if run.status() != "queued":
            return None
        return 1 + sum(
            other.status() == "queued" and other.place() < run.place() for other in self.runs.unfinished(LOOK_SECONDS)
        )

    def positions(self) -> dict[str, int]:
        """Run -> its position in the queue, from 1, of all that wait."""
        oldest_first = [run for run in reversed(self.runs.unfinished(LOOK_SECONDS)) if run.status() == "queued"]
        return {run.id: number for number, run in enumerate(sorted(oldest_first, key=Run.place), 1)}


def start_process(arguments: list[str], log: Path, descriptor: int, secrets: Secrets | None = None) -> None:
    """Start `python -m training …` detached: own process group, own log, inheriting the run's lock descriptor.

    Args:
        secrets: Passed in the environment, which other users of the machine cannot read as they can arguments.
    """
    with log.open("ab") as out:
        subprocess.Popen(
            [sys.executable, "-m", "training", *arguments, "--lock", str(descriptor)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            pass_fds=[descriptor],
            env=child_environment(secrets),
        )


def child_environment(secrets: Secrets | None = None) -> dict[str, str]:
    """Return the environment for a trainer: this process's, with this source tree on the Python path.

    Args:
        secrets: Added to it. On a Space all other tokens are removed: the Space's own and those of other visitors.
    """
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    inherited = {name: value for name, value in os.environ.items() if name not in TOKENS or not is_shared()}
    return {**inherited, "PYTHONPATH": path, **(secrets or {})}


@contextlib.contextmanager
def _damage_is_its_own(run: Run) -> Iterator[None]:
    """Whatever is wrong with one run's folder or process, the queue goes on with the others."""
    try:
        yield
    except Exception as error:
        logger.exception("Run %s could not be started or stopped.", run.id)
        with contextlib.suppress(Exception):
            if run.status() in ("queued", "lost"):
                run.write_event("failed", message=f"It could not be started ({type(error).__name__}: {error}).")


@contextlib.contextmanager
def _queue_lock(runs: Runs) -> Iterator[bool]:
    runs.folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(runs.folder / ".queue-lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def move_to_front(run: Run, mine: Iterable[Run]) -> None:
    """Let a waiting run start before the others of `mine`.

    Only these change places with each other: runs of other visitors, between them, wait no longer than before.

    Args:
        mine: Runs that whoever asks may move; those that do not wait are left alone.

    Raises:
        UserError: If the run does not wait.
    """
    if (status := run.status()) != "queued":
        raise UserError(f"Run {run.id} is {status}: only a run that waits has a place in the queue.")
    others = [other for other in mine if other.id != run.id and other.status() == "queued"]
    waiting = sorted([run, *others], key=Run.place)
    places = [each.place() for each in waiting]
    moved = [run, *(each for each in waiting if each is not run)]
    for each, place in zip(moved, places, strict=True):
        if each.place() != place:
            files.write_text(each.folder / "place", repr(place))


def cancel_when_queued(run: Run) -> None:
    """Cancel a run: a queued one ends at once, a running one is asked to stop."""
    status = run.status()
    if status not in ("queued", "running"):
        raise UserError(f"Run {run.id} is {status}: there is nothing to stop.")
    run.cancel()
    if status == "queued":
        with contextlib.suppress(RunHeldError), run.lock():
            run.write_event("cancelled", step=run.summary().step, message="Taken out of the queue before it started.")
