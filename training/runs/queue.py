"""The queue: starts queued runs, at most N at once, each as a process of its own that outlives whoever started it."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from training.errors import RunHeldError, UserError
from training.home import is_space
from training.runs.forkserver import WarmProcess
from training.runs.run import GRACE_SECONDS, Run, Runs

logger = logging.getLogger(__name__)
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "SELFSUP_KEY")
KEY = "SELFSUP_KEY"  # of what a run asks on other machines; see `Trainer.key`
Secrets = Mapping[str, str]  # variable -> value, for a process; kept in memory only


class Dispatcher:
    """Whoever lives may pump the queue (the page, the command line, a trainer that ends): a lock lets one at a time.

    Args:
        runs: Where the runs are.
        at_once: Runs that may train at the same time.
        warm: Starts them at once, where there is one; otherwise each begins with its imports.
        grace_seconds: From a stop asked for to SIGTERM; to SIGKILL it is a sixth more.
        secrets_of: Gives what a run acts with, if whoever started it handed it over: a token for the Hub, a key.
    """

    def __init__(
        self,
        runs: Runs,
        at_once: int = 1,
        warm: WarmProcess | None = None,
        grace_seconds: float = GRACE_SECONDS,
        secrets_of: Callable[[Run], Secrets] = lambda run: {},
    ):
        self.secrets_of = secrets_of
        self.runs, self.at_once, self.warm, self.grace_seconds = runs, at_once, warm, grace_seconds
        self._wake = threading.Event()

    def pump(self) -> None:
        """Start what may start, and press those that were asked to stop and did not."""
        with _alone(self.runs) as alone:
            if not alone:
                return
            states = [(run, run.status()) for run in self.runs.all()]
            for run, status in states:
                if status == "running":
                    run.escalate(self.grace_seconds)
            free = self.at_once - sum(status == "running" for _, status in states)
            oldest_first = [run for run, status in reversed(states) if status == "queued"]
            queued = sorted(oldest_first, key=lambda run: run.summary().queued)
            for run in queued[: max(0, free)]:
                self._start(run)

    def _start(self, run: Run) -> None:
        try:
            with run.lock() as descriptor:
                run.tell("starting")
                log, secrets = run.folder / "log.txt", self.secrets_of(run)
                if not (self.warm and self.warm.start(["run", str(run.folder)], log, descriptor, secrets)):
                    start_process(["run", str(run.folder)], log, descriptor, secrets)
        except RunHeldError:
            return  # somebody looks at it this moment: the next pump finds it

    def watch(self, seconds: float = 1.0) -> None:
        """Pump for as long as this process lives, in a thread of its own; `wake` does it at once."""

        def work() -> None:
            while True:
                try:
                    self.pump()
                except Exception:  # a broken run folder must not end the queue of the others
                    logger.exception("The queue met an error and goes on.")
                self._wake.wait(seconds)
                self._wake.clear()

        threading.Thread(target=work, name="dispatcher", daemon=True).start()

    def wake(self) -> None:
        self._wake.set()

    def position(self, run: Run) -> int | None:
        """The run's place in the queue, from 1, or None if it is not queued."""
        if run.status() != "queued":
            return None
        return 1 + sum(
            other.status() == "queued" and other.summary().queued < run.summary().queued for other in self.runs.all()
        )


def start_process(arguments: list[str], log: Path, descriptor: int, secrets: Secrets | None = None) -> None:
    """Start `python -m training …` detached: its own group, its own log, the run's lock in its hands.

    Args:
        secrets: They go by the environment, which others on the machine cannot read as they can arguments.
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
    """The environment for a trainer: this one, with this source tree importable from anywhere.

    Args:
        secrets: On a Space a process gets these and no other token: never the Space's own, nor another visitor's.
    """
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    inherited = {name: value for name, value in os.environ.items() if name not in TOKENS or not is_space()}
    return {**inherited, "PYTHONPATH": path, **(secrets or {})}


@contextlib.contextmanager
def _alone(runs: Runs) -> Iterator[bool]:
    runs.folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(runs.folder / ".queue-lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def cancel_when_queued(run: Run) -> None:
    """Cancel: a run that waits ends here; one that runs is asked to stop."""
    status = run.status()
    if status not in ("queued", "running"):
        raise UserError(f"Run {run.id} is {status}: there is nothing to stop.")
    run.cancel()
    if status == "queued":
        with contextlib.suppress(RunHeldError), run.lock():
            run.tell("cancelled", step=run.summary().step, message="Taken out of the queue before it started.")
