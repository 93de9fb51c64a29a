"""Launch several training processes on this machine with torchrun (gloo on a CPU); none outlives the run's lock.

A process that is killed ends the others, and torchrun starts all of them again, from the last checkpoint (elastic
restart). A failure that has been put into words is final: a restart would come to the same. One that hangs is named,
and ends the run.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from training.errors import UserError
from training.events import FINAL
from training.heartbeat import HANG_SECONDS, Watch
from training.runs.queue import child_environment
from training.runs.run import Run
from training.settings import TrainSettings
from training.threads import threads_per_process

RESTARTS = 3  # of all processes, after the loss of one
LOOK_SECONDS = 0.5  # between two looks at the processes
# Else processes that are started again find the addresses of those before them, and wait for ever (torch 2.13).
OWN_STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
HANG_VARIABLE = "SELFSUP_HANG_SECONDS"
LOST_PEER = ("gloo", "nccl", "connection closed by peer", "connection reset by peer", "broken pipe")
SHARED_DISK_SECONDS = 120.0  # for a network disk to show a file that another machine wrote


def launch_command(run: Run, processes: int) -> list[str]:
    """The command line that trains a run in so many processes of this machine."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    counts = ["--nproc-per-node", str(processes), "--max-restarts", str(RESTARTS)]
    return [*launcher, *counts, "-m", "training", "worker", str(run.folder)]


def launch(run: Run, processes: int, lock: int) -> int:
    """Train a run in `processes` workers and wait for them.

    Args:
        lock: The descriptor that holds the run. The launcher inherits it, so that the run counts as running while its
            workers write, even if this process is killed.

    Returns:
        The exit code: 0 finished, 130 cancelled, else failed.
    """
    mine = {"HF_TOKEN": token} if (token := os.environ.get("HF_TOKEN")) else {}
    environment = {"OMP_NUM_THREADS": str(threads_per_process(processes)), **OWN_STORE, **child_environment(mine)}
    seconds = float(os.environ.get(HANG_VARIABLE, HANG_SECONDS))
    with contextlib.closing(Watch(run.folder, processes, seconds)) as watch:
        workers = subprocess.Popen(launch_command(run, processes), env=environment, pass_fds=[lock])
        while (code := _wait(workers, LOOK_SECONDS)) is None:
            if hang := watch.look(time.monotonic()):
                _end(workers)
                run.write_event("failed", step=hang.step, message=hang.sentence(processes, seconds))
                return 1
    return {"cancelled": 130, "failed": code or 1}.get(run.summary().last, code)


def _wait(process: subprocess.Popen, seconds: float) -> int | None:
    """A process's exit code; None if it still runs after so many seconds."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _end(launcher: subprocess.Popen) -> None:
    """Kill a launcher and its workers: one that hangs takes no other signal."""
    workers: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        workers = psutil.Process(launcher.pid).children(recursive=True)
    launcher.kill()  # first: it would start them again
    for worker in workers:
        with contextlib.suppress(psutil.Error):
            worker.kill()
    launcher.wait()


def restarts() -> int:
    """How many times the launcher has started this process again after a loss."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def is_over(run: Run) -> bool:
    """Whether a process that was started again finds the run ended, in words: nothing is left to do."""
    return restarts() > 0 and run.summary().last in FINAL


def has_lost_peer(error: BaseException) -> bool:
    """Whether another process of this run is gone: its end is the cause, and what this one says of it is none."""
    if not is_joining():
        return False
    names = {kind.__name__ for kind in type(error).__mro__}  # without an import of torch
    text = str(error).lower()
    return "DistError" in names or any(words in text for words in LOST_PEER)


def is_joining() -> bool:
    """Whether an external launcher (torchrun, `accelerate launch`) started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first() -> bool:
    """Whether this is rank 0, the process that writes the run's files."""
    return os.environ.get("RANK", "0") == "0"


def wait_for_run(folder: Path, seconds: float = SHARED_DISK_SECONDS) -> None:
    """Wait for rank 0, perhaps on another machine, to create the run.

    Raises:
        UserError: If it does not appear: the machines do not share the folder.
    """
    end = time.monotonic() + seconds
    while not (folder / "config.yaml").is_file():
        if time.monotonic() > end:
            raise UserError(
                f"{folder.name} did not appear within {seconds:g} seconds: "
                "several machines need a folder that all of them see."
            )
        time.sleep(0.2)


def check_world(settings: TrainSettings) -> None:
    """Refuse a batch that is too small to be split among the processes."""
    processes = int(os.environ["WORLD_SIZE"])
    accumulation = settings.gradient_accumulation
    if 0 < settings.batch_size < processes * accumulation:
        raise UserError(
            f"batch_size {settings.batch_size} is less than the {processes * accumulation} micro-batches "
            f"it is split into ({processes} processes x gradient_accumulation {accumulation}): "
            "raise batch_size, or lower gradient_accumulation."
        )


def follow_parent() -> None:
    """End this worker when its launcher ends: torchrun starts workers in sessions of their own."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()
