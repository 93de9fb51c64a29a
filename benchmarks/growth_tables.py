"""How the two kinds that train on tables grow with their rows: memory and seconds to the first step, and scoring.

    python -m benchmarks.growth_tables --rows 10000 100000 1000000

Tables have five columns of numbers and five of categories. Memory: see `growth_images`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

from benchmarks.growth_process import print_growth, print_header

KINDS = {"ae_anomaly": "fit", "denoising_ae": "tables"}
FLAGS = {"ae_anomaly": {"size": "fast", "batch-size": 256}, "denoising_ae": {"size": "small", "batch-size": 256}}
WRITTEN_ROWS = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--plugins", nargs="+", default=list(KINDS), choices=list(KINDS))
    options = parser.parse_args()
    print_header("rows")
    for plugin in options.plugins:
        print_growth(plugin, options.rows, write, plugin, KINDS[plugin], FLAGS[plugin])


def write(place: Path, rows: int) -> Path:
    path = place / "rows.csv"
    mixed = np.random.default_rng(1).normal(size=(3, 5))
    generator, names = np.random.default_rng(0), np.asarray([f"value {n}" for n in range(50)])
    with path.open("wb") as file:
        for start in range(0, rows, WRITTEN_ROWS):
            count = min(WRITTEN_ROWS, rows - start)
            hidden = generator.normal(size=(count, 3))
            numbers = hidden @ mixed
            columns = {f"number {n}": np.round(numbers[:, n] + generator.normal(size=count), 3) for n in range(5)}
            columns |= {f"kind {n}": names[(np.abs(hidden[:, n % 3]) * 15).astype(int) % 50] for n in range(5)}
            csv.write_csv(pa.table(columns), file, csv.WriteOptions(include_header=not start))
    return path


if __name__ == "__main__":
    main()
