"""The event log of a run: one JSON object per line in `events.jsonl`, with one writer and many readers."""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.errors import UserError

FINAL = ("finished", "cancelled", "failed")
TYPES: dict[str, Any] = {  # of the values that `Summary` reads
    "event": str,
    "time": (int, float),
    "step": int,
    "steps": int,
    "seconds": (int, float),
    "message": str,
    "loss": (int, float, type(None)),
    "rate": (int, float, type(None)),
    "metrics": dict,
    "choices": dict,
}
MAX_READ_BYTES = 4 * 2**20  # per call, so that a long log is read in chunks
STEP = b'{"event": "step"'  # how the line of a step begins


class EventLog:
    """Appends events.

    Each `write` is one system call, so a killed process leaves whole lines and at most one partial line.
    """

    def __init__(self, path: Path, listener: Callable[[dict], None] | None = None):
        self.path, self.listener = path, listener
        self._end_partial_line()

    def write(self, event: str, **values: object) -> None:
        self.write_all([{"event": event, "time": round(time.time(), 6), **values}])

    def write_all(self, events: list[dict]) -> None:
        lines = "".join(json.dumps(_finite(event), ensure_ascii=False) + "\n" for event in events).encode()
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            while lines:  # a disk that fills up takes a part, and raises at the next write
                lines = lines[os.write(file, lines) :]
        finally:
            os.close(file)
        for event in events:
            if self.listener:
                self.listener(event)

    def sync(self) -> None:
        """Flush to the disk what was written, so that a power cut loses no event of before this moment."""
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            os.fsync(file.fileno())

    def _end_partial_line(self) -> None:
        if not self.path.exists() or not self.path.stat().st_size:
            return
        with self.path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # the partial line stays, and readers skip it


def read_events(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """Return the events from byte `offset` on, and the next offset; an unfinished line is left for the next call.

    Lines that are no event, such as a kill, a power cut or another program leaves, are skipped.

    Raises:
        UserError: If there is something at that path that is no file.
    """
    lines, following = read_lines(path, offset)
    return parse_lines(lines), following


def read_states(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """As `read_events`, but of the steps the last alone: what a `Summary` is made from, and most lines are steps."""
    lines, following = read_lines(path, offset)
    last = next((place for place in range(len(lines) - 1, -1, -1) if lines[place].startswith(STEP)), -1)
    return parse_lines(
        line for place, line in enumerate(lines) if place == last or not line.startswith(STEP)
    ), following


def read_lines(path: Path, offset: int = 0) -> tuple[list[bytes], int]:
    """The whole lines from byte `offset` on, about `MAX_READ_BYTES` of them, and the next offset.

    Raises:
        UserError: If there is something at that path that is no file.
    """
    try:
        about = path.stat()
    except FileNotFoundError:
        return [], 0
    if not stat.S_ISREG(about.st_mode):
        raise UserError(f"{path.name} is no file.")
    if about.st_size == offset:
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        chunk = file.read(MAX_READ_BYTES)
        if len(chunk) == MAX_READ_BYTES:
            chunk += file.readline()  # a line longer than a chunk must not stop its readers
    whole = chunk[: chunk.rfind(b"\n") + 1]
    return whole.splitlines(), offset + len(whole)


def parse_lines(lines: Iterable[bytes]) -> list[dict]:
    """The events of lines; those that are none are left out."""
    return [event for line in lines if (event := _parse(line))]


@dataclass
class Summary:
    """The state of a run after the events so far; `fold` adds one."""

    last: str = ""  # the last event that changed the run's state
    step: int = 0
    steps: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    loss: float | None = None
    rate: float | None = None
    message: str = ""
    queued: float = 0.0
    starting: float = 0.0  # its process
    started: float = 0.0  # its first step
    ended: float = 0.0
    seconds_before: float = 0.0  # of training before the last resume
    reasons: dict[str, dict[str, Any]] = field(default_factory=dict)  # setting -> value and reason, where auto decided
    decided: dict[str, Any] | None = None  # setting -> value; None until auto has decided

    def fold(self, event: dict) -> None:
        name = event["event"]
        self.step, self.steps = event.get("step", self.step), event.get("steps", self.steps)
        if name in ("queued", "starting", "started", *FINAL):
            self.last, self.message = name, event.get("message", "")
            setattr(self, "ended" if name in FINAL else name, event["time"])
        if name in FINAL:  # of very many evaluations not each is written
            self.metrics = event.get("metrics") or self.metrics
        if name == "started":
            self.seconds_before = event.get("seconds", 0.0)
        elif name == "step":
            self.loss, self.rate = event.get("loss"), event.get("rate", self.rate)
        elif name == "auto":
            choices = event.get("choices", {})
            self.reasons = {name: choice for name, choice in choices.items() if isinstance(choice, dict)}
            self.decided = {name: choice.get("value") for name, choice in self.reasons.items()}
        elif name in ("preparing", "finishing"):  # work before the first step, or after the last
            self.message = event.get("message", "")
        elif name == "progress":  # progress of work that has no loss
            self.rate = event.get("rate", self.rate)
        elif name == "eval":
            self.metrics = event.get("metrics", {})
            self.best = self.metrics if event.get("best") else self.best


def _parse(line: bytes) -> dict | None:
    """The event of a line: values of another type than their name's are left out, as a value that was never written."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict):
        return None
    event = {name: value for name, value in event.items() if isinstance(value, TYPES.get(name, object))}
    if "metrics" in event:
        event["metrics"] = {name: value for name, value in event["metrics"].items() if _is_number(value)}
    return event if "event" in event and "time" in event else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, type(None)))


def _finite(value: object) -> Any:
    """Replace NaN and infinities, which JSON lacks, by null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
