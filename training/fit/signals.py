"""The signals that stop a run."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def stop_on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C mean what a touched `cancel` file means: checkpoint, keep the best, exit."""

    def handle(*_: object) -> None:
        stop()

    try:
        old = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not in the main thread: only the file can stop it
        old = {}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
