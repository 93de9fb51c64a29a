"""Seconds and memory to score a CSV of a million rows and 20 columns, and whether the scores are those of rows read whole or alone.

python -m benchmarks.ae_anomaly.million --folder work [--rows 1000000] [--preset balanced] [--threads 2]

The table: 17 numbers that four hidden ones explain, 3 categories of 5, 30 and 300 values, seed 0. The first 20,000 rows train.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from plugins.ae_anomaly.detector.file_scores import file_scores
from plugins.ae_anomaly.detector.scored_file import score_file
from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder
from training.data.table import read_table

NUMBERS, HIDDEN, TRAINED = 17, 4, 20_000
CATEGORIES = (5, 30, 300)


def write_tables(folder: Path, rows: int) -> tuple[Path, Path]:
    """The whole table and the training rows, as CSV."""
    random = np.random.default_rng(0)
    causes = random.normal(size=(rows, HIDDEN))
    numbers = causes @ random.normal(size=(HIDDEN, NUMBERS)) + 0.3 * random.normal(size=(rows, NUMBERS))
    frame = pd.DataFrame(numbers.round(4), columns=[f"n{n}" for n in range(NUMBERS)])
    for values in CATEGORIES:
        frame[f"c{values}"] = np.asarray([f"v{n}" for n in range(values)])[random.zipf(1.5, rows).clip(1, values) - 1]
    whole, train = folder / f"rows-{rows}.csv", folder / "train.csv"
    frame.to_csv(whole, index=False)
    frame[:TRAINED].to_csv(train, index=False)
    return whole, train


def peak() -> float:
    """GB of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def differences(model: Any, whole: Path, scores: np.ndarray) -> dict[str, float]:
    """Largest differences of the streamed scores to those of the first rows at once, 10,000 at a time, and alone."""
    table = read_table(whole, max_bytes=10**10).select(np.arange(20_000))
    at_once = model.scores(table)[0]
    batches = [model.scores(table.select(np.arange(start, start + 10_000)))[0] for start in (0, 10_000)]
    alone = np.asarray([model.scores(table.select([row]))[0][0] for row in range(0, 20_000, 500)])
    return {
        "at once": float(np.abs(at_once - scores[:20_000]).max()),
        "10,000 at a time": float(np.abs(np.concatenate(batches) - scores[:20_000]).max()),
        "alone": float(np.abs(alone - scores[:20_000:500]).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="fewer than the preset's: the time to score is the same")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    whole, train = write_tables(given.folder, given.rows)
    model = AnomalyAutoencoder(given.preset, steps=given.steps).fit(pd.read_csv(train)).detector_
    print(f"before scoring: peak {peak():.2f} GB", flush=True)
    started, computed = time.perf_counter(), time.process_time()
    score_file(model, whole)
    seconds, computed = time.perf_counter() - started, time.process_time() - computed
    print(f"{given.rows:,} rows: {seconds:.1f} s, {computed:.1f} s of computing, peak {peak():.2f} GB", flush=True)
    print(f"largest differences: {differences(model, whole, file_scores(model, whole).scores)}")


if __name__ == "__main__":
    main()
