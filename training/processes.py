"""Several processes on this machine, by torchrun; on a CPU they talk over gloo. None outlives the run's lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from training.dispatch import child_environment
from training.jobs import Run


def launch(run: Run, processes: int, lock: int) -> int:
    """Train `run` in `processes` workers and wait for them.

    Args:
        lock: The descriptor that holds the run. The launcher inherits it: were this process killed, the run would still
            count as running for as long as its workers write.

    Returns:
        The exit code: 0 done, 130 stopped, else failed.
    """
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [*launcher, "-m", "training", "worker", str(run.folder)]
    environment = {"OMP_NUM_THREADS": threads, **child_environment(os.environ.get("HF_TOKEN"))}
    code = subprocess.run(command, env=environment, pass_fds=[lock], check=False).returncode
    return 130 if run.summary().last == "cancelled" else code


def follow_parent() -> None:
    """End this worker when its launcher is gone: torchrun puts each in a session of its own, out of its group's reach."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()
