"""Where each process of a run is, so that one that hangs can be named: `heartbeats`, a file that all of them map.

Processes that train together wait for each other in every step. When one stands still, all do, and none of them can say
which: those that wait look like the one that hangs. So each notes whether it computes by itself or waits for the
others, at the cost of a microsecond, and whoever launched them compares the notes.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

FILE = "heartbeats"
SLOT = struct.Struct("<qq")  # step, phase
ALONE, COMPUTES, WAITS = 0, 1, 2  # ALONE: it starts, evaluates or saves, which takes as long as it takes
HANG_SECONDS = 540.0  # below the 10 minutes after which NCCL gives up without a name


class Heartbeat:
    """The notes of one process; nothing where nobody watches."""

    def __init__(self, folder: Path, rank: int, processes: int):
        self._slots, self._place = _map(folder / FILE, SLOT.size * processes), SLOT.size * rank
        self.note(0, ALONE)

    def note(self, step: int, phase: int) -> None:
        """Note the step that is being computed, and `ALONE`, `COMPUTES` or `WAITS`."""
        if self._slots is not None:
            SLOT.pack_into(self._slots, self._place, step, phase)


def _map(path: Path, size: int) -> mmap.mmap | None:
    try:
        with path.open("rb+") as file:
            return mmap.mmap(file.fileno(), size) if path.stat().st_size == size else None
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class Hang:
    """Processes that stand still.

    Args:
        ranks: Those that the others wait for; empty if none can be told.
    """

    step: int
    ranks: tuple[int, ...]

    def sentence(self, processes: int, seconds: float) -> str:
        """What happened and what to do."""
        waited = f"for {seconds:,.0f} seconds at step {self.step}"
        if not self.ranks:
            return (
                f"None of the {processes} processes has moved {waited}: the network between them may be down. Resume."
            )
        names = " and ".join(str(rank) for rank in self.ranks)
        return (
            f"Process {names} of {processes} (counted from 0) has hung {waited}, and the others waited for it. Look at "
            "its card and its machine; Resume continues from the last checkpoint."
        )


class Watch:
    """Whether the processes of a run still move.

    Args:
        seconds: How long all of them may stand still within a step.
    """

    def __init__(self, folder: Path, processes: int, seconds: float):
        self._path, self._processes, self._seconds = folder / FILE, processes, seconds
        self._path.write_bytes(bytes(SLOT.size * processes))
        self._seen: list[tuple[int, int]] = []
        self._since = 0.0

    def look(self, now: float) -> Hang | None:
        """The processes that hang; None while they move, start, evaluate or save.

        Args:
            now: Seconds, by a clock that nobody sets.
        """
        notes = self._notes()
        if notes != self._seen or any(phase == ALONE for _, phase in notes) or not notes:
            self._seen, self._since = notes, now
            return None
        if now - self._since < self._seconds:
            return None
        computing = tuple(rank for rank, (_, phase) in enumerate(notes) if phase == COMPUTES)
        named = computing if len(computing) < self._processes else ()
        return Hang(max(step for step, _ in notes), named)

    def close(self) -> None:
        """Nobody watches any more."""
        self._path.unlink(missing_ok=True)

    def _notes(self) -> list[tuple[int, int]]:
        try:
            return list(SLOT.iter_unpack(self._path.read_bytes()))
        except FileNotFoundError:
            return []
