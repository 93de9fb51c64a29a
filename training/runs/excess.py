"""What a running run takes beyond the limits of its server: time, memory, disk."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from training import files
from training.preflight.limits import Limits
from training.runs.run import Run

STOP_SECONDS = 60.0  # beyond the time limit, which the trainer itself keeps as soon as it trains


class Excess(NamedTuple):
    """Args:
    reason: The sentence that the run ends with.
    is_urgent: Whether waiting for its next step would hurt the machine.
    """

    reason: str
    is_urgent: bool


def excess_of(run: Run, limits: Limits) -> Excess | None:
    """What the run takes too much of; None if nothing."""
    seconds = age_seconds(run)
    if limits.max_seconds and seconds > limits.max_seconds + STOP_SECONDS:
        return Excess(f"Stopped: it took longer than the {limits.max_seconds} seconds that this server allows.", False)
    memory = memory_bytes(run) / 2**20
    if memory > limits.max_memory_mb:
        return Excess(
            f"Stopped: it took {memory:,.0f} MB of memory, and a run may take {limits.max_memory_mb:,} here. Lower "
            "batch_size or choose a smaller model; resuming goes on from the last checkpoint.",
            True,
        )
    if limits.max_disk_mb and files.size_bytes(run.folder) > limits.max_disk_mb * 2**20:
        return Excess(
            f"Stopped: it filled the {limits.max_disk_mb:,} MB of disk that a run may take here. Keep fewer "
            "checkpoints, or choose a smaller model.",
            False,
        )
    return None


def age_seconds(run: Run) -> float:
    """Seconds since the run's process started, by a clock that nobody sets; 0 before it has written its id."""
    started = run.summary().starting
    by_the_wall = time.time() - started if started else 0.0
    if sys.platform != "linux":
        return by_the_wall
    try:
        process = int((run.folder / "pid").read_text())
        ticks = float(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])  # field 22, proc(5)
    except (OSError, ValueError, IndexError):
        return 0.0
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return min(age, by_the_wall) if by_the_wall > 0 else age  # a process id may be that of an earlier life


def memory_bytes(run: Run) -> int:
    """Resident memory of the run's process and all that it started, without what they share with other processes."""
    total = 0
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        trainer = psutil.Process(int((run.folder / "pid").read_text()))
        for process in (trainer, *trainer.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                used = process.memory_info()
                total += used.rss - used.shared
    return total
