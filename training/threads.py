"""Cores shared: threads a process, and how long a thread of OpenMP waits on its core for the next piece of work."""

from __future__ import annotations

import os

SPIN_COUNT = "2000"


def threads_per_process(processes: int) -> int:
    """Threads of each of several processes that train together on this machine's cores."""
    return max(1, (os.cpu_count() or 1) // processes)


def share_cores() -> None:
    """Let waiting threads of GNU's OpenMP, which torch brings on Linux, give their core back sooner; before torch is imported.

    They spin for milliseconds by default, so that two runs on the same cores stop each other: 51 rows/s each, where both
    got 87 with this and a run alone keeps 91 to 97 % of its speed (docs/experiments.md). What the user has set stands.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
