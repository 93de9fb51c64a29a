"""The curve of a run: losses gathered where they are computed, written twice a second, refused when not finite.

Of a long run means over several steps are written (`thinning`); the tracker gets what is read twice a second.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from training.errors import UserError
from training.events import EventLog
from training.fit.thinning import StepWindow
from training.settings import TrainSettings

if TYPE_CHECKING:
    from accelerate import Accelerator

FLUSH_SECONDS = 0.5  # between writes


class NonFiniteLossError(UserError):
    """The loss or the gradient became NaN or infinite."""


@dataclass(frozen=True)
class _Step:
    step: int
    learning_rate: float
    loss: torch.Tensor  # (), still on the device: reading it would wait for the step
    grad_norm: torch.Tensor  # ()


class MetricLog:
    """Steps on their way to the event log and the tracker. Only the main process has a log and speaks."""

    def __init__(self, log: EventLog | None, accelerator: Accelerator, settings: TrainSettings):
        self.log, self.accelerator, self.settings = log, accelerator, settings
        self.pending: list[_Step] = []
        self.rate = 0.0  # rows a second
        self.flushed = time.monotonic()
        self.window = StepWindow(self.flushed)

    def add(self, step: int, learning_rate: float, loss: torch.Tensor, grad_norm: torch.Tensor) -> None:
        """Take one step in; write when the last time is half a second ago."""
        if self.log:
            self.pending.append(_Step(step, learning_rate, loss, grad_norm))
        if time.monotonic() - self.flushed >= FLUSH_SECONDS or step <= 1:
            self.flush()

    def close(self) -> None:
        """Write all steps, also those of a window that is not full: before a checkpoint and at the end."""
        self.flush()
        if self.log and (point := self.window.rest()):
            self.log.write_all([self._event(point)])

    def flush(self) -> None:
        """Read the steps since the last time, and write what is due of them.

        Raises:
            NonFiniteLossError: If one of them was not finite.
        """
        steps, self.pending = self.pending, []
        if not steps or self.log is None:
            return
        values = torch.stack([torch.stack((each.loss.cpu(), each.grad_norm.cpu().float())) for each in steps]).tolist()
        seconds = time.monotonic() - self.flushed
        self.restart_clock()
        self.rate = len(steps) * self.settings.batch_size / max(1e-9, seconds)
        self.log.write_all(self._events(steps, values))
        self.accelerator.log(
            {"train/loss": values[-1][0], "train/learning_rate": steps[-1].learning_rate}, step=steps[-1].step
        )
        self._check(steps, values)

    def restart_clock(self) -> None:
        """Leave what was done since the last flush (an evaluation, a checkpoint) out of the rows a second."""
        self.flushed = time.monotonic()

    def _events(self, steps: list[_Step], values: list[list[float]]) -> list[dict]:
        now = time.monotonic()
        points = (
            self.window.add(each.step, {"loss": loss, "learning_rate": each.learning_rate, "grad_norm": norm}, now)
            for each, (loss, norm) in zip(steps, values, strict=True)
        )
        return [self._event(point) for point in points if point]

    def _event(self, point: dict[str, float]) -> dict:
        return {"event": "step", "time": round(time.time(), 3), **point, "rate": round(self.rate, 2)}

    def _check(self, steps: list[_Step], values: list[list[float]]) -> None:
        skips = self.settings.precision == "fp16"  # fp16 skips the steps whose gradient overflowed
        for each, (loss, norm) in zip(steps, values, strict=True):
            if not math.isfinite(loss) or not (math.isfinite(norm) or skips):
                raise NonFiniteLossError(
                    f"The loss or its gradient was no longer a number at step {each.step}. Lower learning_rate "
                    f"(it was {self.settings.learning_rate:g}) or set max_grad_norm; the best weights before are kept."
                )
