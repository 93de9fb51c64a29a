"""Megapixels per second and peak memory of denoising, beside the peers, each in a process of its own.

python -m benchmarks.denoise_speed --weights FOLDER --megapixels 1 12
Methods are those of `denoise_quality`. Memory is the process's peak, with Python, torch or the peer's library in it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SIGMA = 25
TIMEOUT = 900  # seconds


def main() -> None:
    """Print a line per method and size; called with --one it measures one method and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1])
    parser.add_argument("--one", default="")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.weights, options.megapixels[0])))
        return
    from benchmarks.denoise_quality import peers

    for size in options.megapixels:
        for name in ["ours, blind", *peers()]:
            print(f"{size:5g} MP  {name:<28} {_in_process(name, options.weights, size)}", flush=True)


def measure(name: str, weights: Path, megapixels: float) -> dict[str, float]:
    """Seconds and peak bytes of one method on a noisy image of smooth shades, 4:3."""
    from benchmarks.denoise_quality import ours, peers

    height = round((megapixels * 0.75e6) ** 0.5)
    rows, columns = np.mgrid[0:height, 0 : height * 4 // 3].astype(np.float32) / height
    image = 0.5 + 0.3 * np.sin(9 * rows) * np.cos(7 * columns)
    noisy = (image + np.random.default_rng(0).normal(0, SIGMA / 255, image.shape)).astype(np.float32)
    method = {**ours(weights), **peers()}[name]
    method(noisy[:64, :64], SIGMA / 255)  # imports and first-time work are not counted
    started = time.perf_counter()
    method(noisy, SIGMA / 255)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "megapixels": noisy.size / 1e6,
        "peak": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def _in_process(name: str, weights: Path, size: float) -> str:
    command = [
        sys.executable,
        "-m",
        "benchmarks.denoise_speed",
        "--weights",
        str(weights),
        "--megapixels",
        str(size),
        "--one",
        name,
    ]
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    except subprocess.TimeoutExpired:
        return f"more than {TIMEOUT} s"
    result = json.loads(out.strip().splitlines()[-1])
    speed = result["megapixels"] / result["seconds"]
    return f"{speed:7.3f} MP/s  {result['seconds']:8.1f} s  {result['peak'] / 2**30:6.2f} GiB"


if __name__ == "__main__":
    main()
