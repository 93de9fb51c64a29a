"""Admission to the queue: a full one says so at once, and visitors take turns, so that one's calls hold up no other."""

from __future__ import annotations

import math
from collections import Counter
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
        pushed = await self._push(body=body, request=request, username=username)
        if pushed[0] and function is not None:
            self._take_turns(str(pushed[1]))
        return pushed

    def _take_turns(self, event_id: str) -> None:
        """Move a call that has just come behind the calls of its visitor, and before the later ones of others.

        Round robin (Nagle, RFC 970, 1985, for packets of hosts): the n-th call of each visitor that waits comes after
        the n-1-st of all of them, so that a visitor waits for one call of each other one, however many those have sent.
        """
        event = self.queue.event_ids_to_events.get(event_id)
        waiting = self.queue.event_queue_per_concurrency_id[event.concurrency_id].queue if event else []
        if event not in waiting:  # it is being answered, or was answered from a cache
            return
        waiting.remove(event)
        names, mine = [_of(other) for other in waiting], _of(event)
        own, turns, place = names.count(mine), Counter[str](), len(names)
        for number, name in enumerate(names):
            turns[name] += 1
            if turns[name] > own + 1:
                place = number
                break
        behind_own = len(names) - names[::-1].index(mine) if own else 0
        waiting.insert(max(place, behind_own), event)

    def _busy(self, name: str) -> str:
        waiting = self._waiting()
        if len(waiting) >= self.most:
            return f"Busy: {len(waiting)} calls are waiting. Try again in {self._seconds(len(waiting))} seconds."
        own = sum(_of(event) == name for event in waiting)
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


def _of(event: Event) -> str:
    return _name(event.request, event.session_hash)


def _name(request: Any, session: str | None) -> str:
    """The visitor, whose pages and clients may be several; else the session."""
    return visitor(request) or session or ""
