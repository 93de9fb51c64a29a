"""Train in a process of its own at several sizes, and print its memory and the seconds until its first step."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

INTERVAL_SECONDS = 0.05


class Measured(NamedTuple):
    """What a training process took.

    Args:
        seconds, processor_seconds: From its start to its first step: by the clock, and of the processor, which tells
            more where others use the machine too.
        gigabytes: The most anonymous memory that it held.
        rows_a_second: Trained on for each second of the processor, of the second half of the steps.
    """

    seconds: float
    processor_seconds: float
    gigabytes: float
    rows_a_second: float
    folder: Path


def print_header(unit: str) -> None:
    print(
        f"| | {unit} | way | seconds to the first step | of the processor | memory, GB | exponent of those |\n"
        "|---|---:|---|---:|---:|---:|---:|"
    )


def print_growth(
    name: str,
    sizes: Sequence[int],
    write: Callable[[Path, int], Path],
    plugin: str,
    kind: str,
    flags: Mapping[str, object],
) -> None:
    """A line for each size and way; `write` puts data of a size into a folder, and returns where they are."""
    before: list[tuple[int, float]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as place:
            data = write(Path(place), size)
            for way in ("first time", "second time"):
                run = train(plugin, kind, data, Path(place), way, flags)
                if way == "first time":
                    before.append((size, run.processor_seconds))
                grown = exponent(before) if way == "first time" else ""
                took = f"{run.seconds:.1f} | {run.processor_seconds:.1f} | {run.gigabytes:.2f}"
                print(f"| {name} | {size:,} | {way} | {took} | {grown} |", flush=True)


def train(
    plugin: str, kind: str, data: Path, place: Path, way: str, flags: Mapping[str, object], steps: int = 20
) -> Measured:
    """Train some steps; the run lies in `place`."""
    place.mkdir(exist_ok=True)
    folder = place / f"run-{way.replace(' ', '-')}"
    command = [sys.executable, "-m", "training", plugin, kind, "--data", str(data), "--steps", str(steps)]
    command += ["--learning-rate", "0.001", "--precision", "fp32", "--device", "cpu", "--folder", str(folder)]
    command += [
        text
        for name, value in flags.items()
        for text in ([f"--{name}"] if value is True else [f"--{name}", str(value)])
    ]
    environment = {**os.environ, "SELFSUP_HOME": str(place / "home")}
    began, most = time.time(), 0
    used: dict[int, float] = {}  # step -> seconds of the processor until it was seen
    with (place / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        while process.poll() is None:
            anonymous, processor = _use(process.pid)
            most = max(most, anonymous)
            if (step := _last_step(folder / "events.jsonl")) is not None:
                used.setdefault(step, processor)
            time.sleep(INTERVAL_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{(place / 'log.txt').read_text()[-2000:]}")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    first = next(event["time"] for event in events if event["event"] == "started") - began
    half = [(step, seconds) for step, seconds in used.items() if step >= steps / 2]
    (low, before), (high, after) = (half[0], half[-1]) if len(half) > 1 else ((0, 0.0), (0, 1.0))
    rate = (high - low) * int(str(flags["batch-size"])) / (after - before)
    return Measured(first, next(iter(used.values()), 0.0), most / 1e9, rate, folder)


def _last_step(events: Path) -> int | None:
    """The last step of a run that was written; None before the first."""
    if not events.exists():
        return None
    lines = events.read_bytes()[-20_000:].splitlines()
    for line in reversed(lines):
        with contextlib.suppress(ValueError):  # of the first a part, and the last is being written
            event = json.loads(line)
            if isinstance(event, dict) and event.get("event") in ("started", "step"):
                return event.get("step", 0)
    return None


def exponent(measured: Sequence[tuple[int, float]]) -> str:
    """By which power of the size the seconds grew since the last one; 1 is linear."""
    if len(measured) < 2:
        return ""
    (size, seconds), (larger, longer) = measured[-2:]
    return f"{math.log(longer / seconds) / math.log(larger / size):.2f}"


def _use(process_id: int) -> tuple[int, float]:
    """Anonymous bytes and seconds of the processor, of the process and those that it started."""
    size, seconds = 0, 0.0
    try:
        for process in (own := psutil.Process(process_id), *own.children(recursive=True)):
            about, times = process.memory_info(), process.cpu_times()
            size += about.rss - getattr(about, "shared", 0)
            seconds += times.user + times.system
    except psutil.Error:
        pass
    return size, seconds
