"""What is left out of a run's record as it is written, so that ten million steps take megabytes and not gigabytes.

Of a growing row each of the first N is written, then every second, fourth, eighth …: a record of n steps has about
N (1 + log2(n / N) / 2) lines, and every part of a curve that is drawn from 0 to n has points enough.
"""

from __future__ import annotations

STEPS = 4096  # that are written each; beyond, means over 2, 4, 8 … steps
EVALUATIONS, PREVIEWS, CHECKPOINTS = 1024, 64, 1024  # that are written each
WAIT_SECONDS, WAIT_SHARE = 10.0, 0.001  # longest time without a step, or that share of the time since the start


def stride(number: int, dense: int) -> int:
    """How far apart members are written around member `number`, counted from 1: 1 up to `dense`, 2 up to twice that."""
    return 1 << ((max(1, number) - 1) // dense).bit_length()


def is_kept(number: int, dense: int) -> bool:
    """Whether member `number` is written."""
    return number % stride(number, dense) == 0


class Patience:
    """When the last line was written: after a while the next one is due, however many it leaves out.

    Args:
        now: Seconds, by any clock.
    """

    def __init__(self, now: float):
        self.started = self.written = now

    def is_over(self, now: float) -> bool:
        """Whether the last line is older than ten seconds and a thousandth of the time since the start."""
        return now - self.written > max(WAIT_SECONDS, WAIT_SHARE * (now - self.started))


class StepWindow:
    """Steps on their way to one line: the means of their values, at the last of them.

    Args:
        now: Seconds, by any clock.
    """

    def __init__(self, now: float):
        self.patience = Patience(now)
        self.step = self.count = 0
        self.sums: dict[str, float] = {}

    def add(self, step: int, values: dict[str, float], now: float) -> dict[str, float] | None:
        """Take a step in; returns the line's `step` and means where one is due."""
        self.step, self.count = step, self.count + 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if not is_kept(step, STEPS) and not self.patience.is_over(now):
            return None
        self.patience.written = now
        return self.rest()

    def rest(self) -> dict[str, float] | None:
        """The line of the steps since the last one, if there are any."""
        if not self.count:
            return None
        means = {name: total / self.count for name, total in self.sums.items()}
        self.count, self.sums = 0, {}
        return {"step": self.step, **means}
