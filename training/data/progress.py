"""Progress of work before the first step or after the last, such as cutting a corpus into tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, float], None]  # what is made, and the share that is done, 0 to 1
INTERVAL_SECONDS = 1.0

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_told: ContextVar[float] = ContextVar("told", default=0.0)


class CancelledError(Exception):
    """Raised by a listener where the work was stopped on request."""


@contextmanager
def reporting(listener: Listener) -> Iterator[None]:
    """Tell the listener about all work inside the block; what it raises ends the work."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(what: str, done: float, total: float) -> None:
    """Tell how far the work is, at most once a second."""
    listener, now = _listener.get(), time.monotonic()
    if listener is not None and now - _told.get() >= INTERVAL_SECONDS:
        _told.set(now)
        listener(what, min(1.0, done / max(1.0, total)))
