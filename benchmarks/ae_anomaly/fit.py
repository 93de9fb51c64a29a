"""Seconds to fit, beside PyOD's autoencoder on the same rows of the same table, each in a process of its own.

python -m benchmarks.ae_anomaly.fit --table adbench/10_cover.npz [--rows 0] [--preset fast] [--rounds 3] [--clock cpu]

Trains on every normal row of the table (--rows: that many, drawn again where the table has fewer), standardised, with one thread.
PyOD's side needs pyod (benchmarks/requirements.txt) and has its defaults: 10 passes over the rows in batches of 32.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import adbench
import numpy as np
import torch

from benchmarks.sides import CLOCKS, add_clock, in_turn, peak_memory_mb


def training_rows(path: Path, rows: int) -> np.ndarray:
    """Standardised normal rows, (rows, columns), float32."""
    x, y = adbench.read(path)
    normal = x[y == 0]
    if rows:
        random = np.random.default_rng(0)
        normal = normal[random.choice(len(normal), rows, replace=rows > len(normal))]
    return adbench.standardised(normal, normal)


def fitted(side: str, rows: np.ndarray, preset: str) -> Any:
    if side == "ours":
        from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder

        return AnomalyAutoencoder(preset=preset, random_state=0).fit(rows)
    from pyod.models.auto_encoder import AutoEncoder  # type: ignore[import-not-found] - a peer

    return AutoEncoder(random_state=0, verbose=0).fit(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker")
    add_clock(parser)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.worker:
        rows, clock = training_rows(given.table, given.rows), CLOCKS[given.clock]
        fitted(given.worker, rows[:64], given.preset)  # imports and first calls
        started = clock()
        fitted(given.worker, rows, given.preset)
        print(json.dumps({"seconds": clock() - started, "rows": len(rows), "memory_mb": peak_memory_mb()}))
        return
    ratios = []
    for number in range(given.rounds):
        found = in_turn(number)
        ratios.append(found["ours"]["seconds"] / found["peer"]["seconds"])
        for side, each in found.items():
            print(f"{side}: {each['rows']:,} rows in {each['seconds']:.1f} s, {each['memory_mb']:.0f} MB", flush=True)
    print(f"ours takes {np.median(ratios):.2f} times as long (median of {len(ratios)})")


if __name__ == "__main__":
    main()
