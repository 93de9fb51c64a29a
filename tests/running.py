"""Runs of the toy plugin as real processes: queue them, wait for them, kill them, read what they left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.toy import toy_settings
from training.events import read_events
from training.runs.forkserver import WarmProcess
from training.runs.queue import Dispatcher
from training.runs.registry import Runs
from training.runs.run import Run

T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float = 60) -> T:
    """The first true value of `condition`.

    Raises:
        AssertionError: There was none for so long.
    """
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return value


def queue(runs: Runs, **settings: Any) -> Run:
    """A new run of the toy, not started."""
    return runs.create("toy", "fit", toy_settings(**settings))


def start(runs: Runs, warm: WarmProcess) -> None:
    """Start what is queued, as the page does."""
    Dispatcher(runs, at_once=9, warm=warm).pump()


def finish(run: Run) -> str:
    """Wait until nobody trains the run; its status then."""
    wait_for(lambda: run.status() not in ("running", "queued"))
    return run.status()


def kill(run: Run) -> None:
    """As a power cut would: SIGKILL, and nothing more is written."""
    os.kill(int((run.folder / "pid").read_text()), signal.SIGKILL)
    wait_for(lambda: not run.is_held())


def events(folder: Path, *names: str) -> list[dict]:
    """The events of these names, all without any."""
    found, _ = read_events(folder / "events.jsonl")
    return [event for event in found if not names or event["event"] in names]


def losses(folder: Path) -> dict[int, float]:
    """Step -> loss; a step that was computed again must have come to the same."""
    curve: dict[int, float] = {}
    for event in events(folder, "step"):
        assert curve.setdefault(event["step"], event["loss"]) == event["loss"], f"step {event['step']} differs"
    return curve


def weights(folder: Path) -> bytes:
    """The artifact's weights, to the bit."""
    return (folder / "artifact" / "model.safetensors").read_bytes()
