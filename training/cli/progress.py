"""How a run looks on the command line: a progress bar in a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LINE_SECONDS = 2.0  # between plain lines


@contextmanager
def progress_display() -> Iterator[Callable[[dict], None]]:
    """Yields a listener for `fit`'s events."""
    if not sys.stdout.isatty():
        yield _PlainLines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        yield _Bar(progress)


class _Bar:
    def __init__(self, progress: Any):
        self.progress, self.bar = progress, progress.add_task("starting", total=None, loss="")

    def __call__(self, event: dict) -> None:
        name = event["event"]
        if name == "started":
            self.progress.update(self.bar, total=event["steps"], completed=event["step"], description="training")
        elif name in ("preparing", "finishing"):
            self.progress.update(self.bar, total=1, completed=event["share"], description=event["message"])
        elif name == "step":
            self.progress.update(self.bar, completed=event["step"], loss=f"loss {event['loss']:.4f}")
        elif text := describe(event):
            self.progress.console.print(text, highlight=False, markup=False)


class _PlainLines:
    def __init__(self) -> None:
        self.printed = 0.0

    def __call__(self, event: dict) -> None:
        if event["event"] in ("step", "preparing", "finishing"):
            if event["time"] - self.printed < LINE_SECONDS:
                return
            self.printed = event["time"]
        if text := describe(event):
            print(text, flush=True)


def describe(event: dict) -> str:
    """One event as a line, or nothing where a line would only be noise."""
    name = event["event"]
    if name == "step":
        return f"step {event['step']}: loss {event['loss']:.4f}, {event['rate']:.1f} rows/s"
    if name == "started":
        how = "resumed" if event["resumed"] else "started"
        where = f"{how} at step {event['step']} of {event['steps']}"
        if "parts" in event:
            return f"{where}: an experiment of {event['parts']} parts"
        rows = f"{event['rows']} rows" if "rows" in event else "rows read as it trains"
        return f"{where}: {rows}, {event['parameters']:,} parameters, {event['device']}"
    if name == "eval":
        values = ", ".join(f"{key} {value:.4f}" for key, value in event["metrics"].items())
        return f"step {event['step']}: {values}{' (best so far)' if event['best'] else ''}"
    if name in ("preparing", "finishing"):
        return event["message"]
    if name == "auto":
        return f"auto: {event['message']}" if event["message"] else ""
    if name == "notice":
        return f"note: {event['message']}"
    if name == "backup":
        what = f"checkpoint of step {event['checkpoint']}" if event["checkpoint"] else "weights and events"
        return f"backed up to {event['repo']}: {what}"
    return (
        f"{name} at step {event['step']}. {event.get('message', '')}".rstrip()
        if name in ("finished", "cancelled", "failed")
        else ""
    )
