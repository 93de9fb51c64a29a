"""Admission to the queue: a call that finds it full is refused at once, and one visitor cannot fill it for all."""

from __future__ import annotations

import math
from typing import Any, Literal

from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue

from spaces_app.identity import visitor
from training.home import is_shared

SHARE = 4  # on a shared server one visitor may fill a fourth of the queue
LONGEST_WAIT, CALLS_AT_ONCE = 60, 2
State = Literal["success", "error", "queue_full", "validator_error"]
Pushed = tuple[bool, str | list[dict[str, Any]], State]


class Admission:
    """Takes the place of the queue's own `push`, which counts calls that do not wait, and says no seconds.

    Args:
        most: Calls that may wait.
    """

    def __init__(self, queue: Queue, most: int):
        self.queue, self.most, self._push = queue, most, queue.push
        self.most_of_one = max(1, most // SHARE) if is_shared() else most

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Pushed:
        """As `Queue.push`: whether the call waits, its id or why not, and the state."""
        function = self.queue.blocks.fns.get(body.fn_index) if body.fn_index is not None else None
        if function is not None and function.queue and (busy := self._busy(_name(request, body.session_hash))):
            return False, busy, "queue_full"
        return await self._push(body=body, request=request, username=username)

    def _busy(self, name: str) -> str:
        waiting = self._waiting()
        if len(waiting) >= self.most:
            return f"Busy: {len(waiting)} calls are waiting. Try again in {self._seconds(len(waiting))} seconds."
        own = sum(_name(event.request, event.session_hash) == name for event in waiting)
        if name and own >= self.most_of_one:
            return f"Busy: {own} of your calls are waiting. Try again in {self._seconds(own)} seconds."
        return ""

    def _waiting(self) -> list[Event]:
        return [event for each in self.queue.event_queue_per_concurrency_id.values() for event in each.queue]

    def _seconds(self, calls: int) -> int:
        """Until about half of so many calls are answered."""
        times = [time.avg_time for time in self.queue.process_time_per_fn.values() if time.count]
        mean = sum(times) / len(times) if times else 1.0
        return max(1, min(LONGEST_WAIT, math.ceil(calls * mean / CALLS_AT_ONCE / 2)))


def _name(request: Any, session: str | None) -> str:
    """The visitor, whose pages and clients may be several; else the session."""
    return visitor(request) or session or ""
