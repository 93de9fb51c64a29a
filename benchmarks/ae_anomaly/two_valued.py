"""Tables of two-valued columns: read as categories and as numbers, beside kNN.

python -m benchmarks.ae_anomaly.two_valued --data adbench [--only campaign,cardio]

The tables of --data (a folder of *.npz, see `tables`), at most 6,000 rows, one-class protocol, seed 0, defaults. Every column
becomes whether it is above its median in training; campaign is taken as it is too (52 of its 62 columns have two values).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from benchmarks.ae_anomaly import adbench, tables
from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder

AS_IT_IS = "5_campaign"
NEIGHBOUR, RARE = 5, 0.001  # a column whose rarer value has a smaller share is left out

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # training, to score, which of these are anomalies


def binarised(path: Path) -> Rows:
    """The split of a table, every column cut at its median."""
    train, test, y = tables.split(path, 0)
    median = np.median(train, axis=0)
    train, test = (train > median).astype(np.float32), (test > median).astype(np.float32)
    kept = np.abs(train.mean(0) - 0.5) < 0.5 - RARE
    return train[:, kept], test[:, kept], y


def read(path: Path) -> Iterator[tuple[str, Rows]]:
    """A table binarised, and campaign as it is."""
    yield path.stem, binarised(path)
    if path.stem == AS_IT_IS:
        yield f"{path.stem}, as it is", tables.split(path, 0)


def scores(train: np.ndarray, test: np.ndarray, kind: str) -> np.ndarray:
    """Scores of a detector that reads two-valued columns as that kind."""
    names = [f"c{place}" for place in range(train.shape[1])]
    two_valued = [len(np.unique(column)) <= 2 for column in train.T]
    kinds = ", ".join(f"{name}={kind if few else 'number'}" for name, few in zip(names, two_valued, strict=True))
    frames: list[Any] = [pd.DataFrame(np.ascontiguousarray(rows), columns=pd.Index(names)) for rows in (train, test)]
    return -AnomalyAutoencoder(settings={"columns": kinds}).fit(frames[0]).score_samples(frames[1])


def distances(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Distance to the fifth nearest training row, all columns standardised."""
    known, asked = (adbench.standardised(rows, train) for rows in (train, test))
    return NearestNeighbors().fit(known).kneighbors(asked, NEIGHBOUR)[0][:, -1]


def measure(rows: Rows) -> Iterator[tuple[str, np.ndarray]]:
    train, test, _ = rows
    yield "kNN", distances(train, test)
    yield from (
        (reading, scores(train, test, kind)) for reading, kind in (("categories", "category"), ("numbers", "number"))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    torch.set_num_threads(1)
    tables.MOST_ROWS = 6000
    figures: dict[str, dict[str, float]] = {}
    for path in sorted(given.data.glob("*.npz")):
        if given.only and not any(word in path.stem for word in given.only.split(",")):
            continue
        for name, rows in read(path):
            found = dict(measure(rows))
            figures[name] = {what: 100 * float(roc_auc_score(rows[2], values)) for what, values in found.items()}
            figures[f"{name} (AP)"] = {
                what: 100 * float(average_precision_score(rows[2], values)) for what, values in found.items()
            }
            print({name: {what: round(value, 1) for what, value in figures[name].items()}}, flush=True)
    table = pd.DataFrame(figures).T
    print(table.round(1).to_string())
    is_ap = table.index.str.endswith("(AP)")
    print(
        "mean AUROC\n",
        table[~is_ap].mean().round(1).to_string(),
        "\nmean AP\n",
        table[is_ap].mean().round(1).to_string(),
    )


if __name__ == "__main__":
    main()
