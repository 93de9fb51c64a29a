"""Thread settings of processes that share the machine's cores: threads per process, and OpenMP's spin time."""

from __future__ import annotations

import os

SPIN_COUNT = "2000"


def threads_per_process(processes: int) -> int:
    """Return the threads per process where several processes train on this machine's cores."""
    return max(1, (os.cpu_count() or 1) // processes)


def share_cores() -> None:
    """Shorten the spin time of GNU OpenMP's waiting threads (torch uses it on Linux); call before torch is imported.

    By default they spin for milliseconds, so two runs on the same cores slow each other down: 51 rows/s each, 87 with
    this setting; a single run keeps 91 to 97 % of its speed (docs/experiments/training.md#two-runs-on-the-same-cores).
    Variables that the user has set are kept.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
