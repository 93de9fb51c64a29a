"""Train in a process of its own at several sizes, and print its memory and the seconds until its first step."""

from __future__ import annotations

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
    """Seconds from the start of the process to its first step, and the most anonymous memory that it held."""

    seconds: float
    gigabytes: float
    folder: Path


def print_header(unit: str) -> None:
    print(
        f"| | {unit} | way | seconds to the first step | memory, GB | exponent of seconds |\n"
        "|---|---:|---|---:|---:|---:|"
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
                    before.append((size, run.seconds))
                grown = exponent(before) if way == "first time" else ""
                print(f"| {name} | {size:,} | {way} | {run.seconds:.1f} | {run.gigabytes:.2f} | {grown} |", flush=True)


def train(
    plugin: str, kind: str, data: Path, place: Path, way: str, flags: Mapping[str, object], steps: int = 20
) -> Measured:
    """Train some steps; the run lies in `place`."""
    folder = place / f"run-{way.replace(' ', '-')}"
    command = [sys.executable, "-m", "training", plugin, kind, "--data", str(data), "--steps", str(steps)]
    command += ["--learning-rate", "0.001", "--precision", "fp32", "--device", "cpu", "--folder", str(folder)]
    command += [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    environment = {**os.environ, "SELFSUP_HOME": str(place / "home")}
    began = time.time()
    with (place / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        most = 0
        while process.poll() is None:
            most = max(most, _anonymous_bytes(process.pid))
            time.sleep(INTERVAL_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{(place / 'log.txt').read_text()[-2000:]}")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    first = next(event["time"] for event in events if event["event"] == "started") - began
    return Measured(first, most / 1e9, folder)


def exponent(measured: Sequence[tuple[int, float]]) -> str:
    """By which power of the size the seconds grew since the last one; 1 is linear."""
    if len(measured) < 2:
        return ""
    (size, seconds), (larger, longer) = measured[-2:]
    return f"{math.log(longer / seconds) / math.log(larger / size):.2f}"


def _anonymous_bytes(process_id: int) -> int:
    """Of the process and those that it started."""
    total = 0
    try:
        for process in (own := psutil.Process(process_id), *own.children(recursive=True)):
            about = process.memory_info()
            total += about.rss - getattr(about, "shared", 0)
    except psutil.Error:
        return total
    return total
