"""Launch several training processes on this machine with torchrun (gloo on a CPU); none outlives the run's lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from training.errors import UserError
from training.runs.queue import child_environment
from training.runs.run import Run
from training.settings import TrainSettings
from training.threads import threads_per_process

SHARED_DISK_SECONDS = 120.0  # for a network disk to show a file that another machine wrote


def launch(run: Run, processes: int, lock: int) -> int:
    """Train a run in `processes` workers and wait for them.

    Args:
        lock: The descriptor that holds the run. The launcher inherits it, so that the run counts as running while its
            workers write, even if this process is killed.

    Returns:
        The exit code: 0 finished, 130 cancelled, else failed.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [*launcher, "-m", "training", "worker", str(run.folder)]
    mine = {"HF_TOKEN": token} if (token := os.environ.get("HF_TOKEN")) else {}
    environment = {"OMP_NUM_THREADS": str(threads_per_process(processes)), **child_environment(mine)}
    code = subprocess.run(command, env=environment, pass_fds=[lock], check=False).returncode
    return 130 if run.summary().last == "cancelled" else code


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
