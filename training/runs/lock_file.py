"""Lock files of a run, held by a process through an open file descriptor, and signals to that process.

The kernel releases such a lock (flock) when the last descriptor is closed, so however its process ends: a held lock
means that a worker lives, without heartbeats or process ids to check. A child process that inherits the descriptor
keeps the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

ATTEMPTS = 50  # to take a lock exclusively, 10 ms apart; a status check holds it for less
PAUSE_SECONDS = 0.01


@contextlib.contextmanager
def hold(path: Path, *, shared: bool = False) -> Iterator[int]:
    """Hold a lock file; yields its descriptor.

    Args:
        shared: For a status check, so that two of them do not see each other; not retried.

    Raises:
        BlockingIOError: Another process holds it.
        FileNotFoundError: The folder is gone.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, attempts=1 if shared else ATTEMPTS)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file."""
    if not path.exists():
        return False
    try:
        with hold(path, shared=True):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def _take(descriptor: int, kind: int, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if attempt == attempts:
                raise
        time.sleep(PAUSE_SECONDS)


def send_signal(process: int, number: int) -> None:
    """Signal the process group that a trainer leads.

    A trainer started by a script shares the script's, which must live.
    """
    if os.getpgid(process) == process:
        os.killpg(process, number)
    else:
        os.kill(process, number)
