"""A limit per visitor of a shared server: calls in a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from training.errors import UserError

MINUTE = 60.0
VISITORS = 10_000  # that are remembered, the most recent


class RateLimiter:
    """A token bucket per visitor: `per_minute` calls, refilled evenly. Source: Tanenbaum, Computer Networks, 5.4.2."""

    def __init__(self, per_minute: float):
        self.per_minute = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # visitor -> calls left, at that time
        self._lock = threading.Lock()

    def wait_for(self, visitor: str) -> float:
        """Take a call; returns 0, or takes none and returns the seconds until there is one."""
        if not self.per_minute:
            return 0.0
        with self._lock:
            now = time.monotonic()
            left, then = self._left.pop(visitor, (self.per_minute, now))
            left = min(self.per_minute, left + (now - then) * self.per_minute / MINUTE)
            enough = left >= 1
            self._left[visitor] = (left - 1 if enough else left, now)
            while len(self._left) > VISITORS:
                self._left.popitem(last=False)
        return 0.0 if enough else (1 - left) * MINUTE / self.per_minute

    def take(self, visitor: str) -> None:
        """Take a call.

        Raises:
            UserError: With the seconds to wait.
        """
        if seconds := self.wait_for(visitor):
            raise UserError(f"Busy: you have called often in the last minute. Try again in {seconds:.0f} seconds.")
