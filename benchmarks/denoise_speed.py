"""Megapixels a second and peak memory of denoising, beside the peers, each in a process of its own.

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
    """Print a line a method and size; called with --one it measures one method and prints JSON."""
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
    """Seconds and peak bytes of one method on a picture of noise over shades, 4:3."""
    from benchmarks.denoise_quality import ours, peers

    height = round((megapixels * 0.75e6) ** 0.5)
    rows, columns = np.mgrid[0:height, 0 : height * 4 // 3].astype(np.float32) / height
    picture = 0.5 + 0.3 * np.sin(9 * rows) * np.cos(7 * columns)
    noisy = (picture + np.random.default_rng(0).normal(0, SIGMA / 255, picture.shape)).astype(np.float32)
    method = {**ours(weights), **peers()}[name]
    method(noisy[:64, :64], SIGMA / 255)  # imports and first-time work are not the picture's
    started = time.perf_counter()
    method(noisy, SIGMA / 255)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "megapixels": noisy.size / 1e6, "peak": 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}  # fmt: skip


def _in_process(name: str, weights: Path, size: float) -> str:
    command = [sys.executable, "-m", "benchmarks.denoise_speed", "--weights", str(weights), "--megapixels", str(size), "--one", name]  # fmt: skip
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    except subprocess.TimeoutExpired:
        return f"more than {TIMEOUT} s"
    found = json.loads(out.strip().splitlines()[-1])
    return f"{found['megapixels'] / found['seconds']:7.3f} MP/s  {found['seconds']:8.1f} s  {found['peak'] / 2**30:6.2f} GiB"


if __name__ == "__main__":
    main()
