"""Tables of two-valued columns: read as categories and as numbers, beside kNN, and what a distance adds to the error.

python -m benchmarks.ae_anomaly.two_valued --data adbench [--only campaign,cardio]

Nine tables of --data (a folder of *.npz, see `tables`), at most 6,000 rows, one-class protocol, seed 0, defaults. campaign is taken
as it is (52 of its 62 columns have two values); of the others every column becomes whether it is above its median in training.
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

AS_THEY_ARE, BINARISED = ("5_campaign",), (
    "6_cardio", "30_satellite", "28_pendigits", "20_letter", "24_mnist", "4_breastw", "2_annthyroid", "18_Ionosphere",
)  # fmt: skip
NEIGHBOUR, RARE = 5, 0.001  # a column whose rarer value has a smaller share is left out

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # training, to score, which of these are anomalies


def read(path: Path) -> Rows:
    """The split of a table, binarised where it has to be."""
    train, test, y = tables.split(path, 0)
    if path.stem in AS_THEY_ARE:
        return train, test, y
    median = np.median(train, axis=0)
    train, test = (train > median).astype(np.float32), (test > median).astype(np.float32)
    kept = np.abs(train.mean(0) - 0.5) < 0.5 - RARE
    return train[:, kept], test[:, kept], y


def fitted(train: np.ndarray, test: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Whole scores and errors alone, of a detector that reads two-valued columns as that kind."""
    names = [f"c{place}" for place in range(train.shape[1])]
    two_valued = [len(np.unique(column)) <= 2 for column in train.T]
    kinds = ", ".join(f"{name}={kind if few else 'number'}" for name, few in zip(names, two_valued, strict=True))
    frames: list[Any] = [pd.DataFrame(np.ascontiguousarray(rows), columns=pd.Index(names)) for rows in (train, test)]
    detector = AnomalyAutoencoder(settings={"columns": kinds}).fit(frames[0])
    inner = detector.detector_
    found, calibration = inner.probe(inner.encoder.encode(detector._table(frames[1]))), inner.calibration
    z = (found.parts - calibration.mean) / calibration.scale
    return calibration.score(found), z[:, :-2] @ calibration.weights[:-2]


def distances(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the fifth nearest training row, all columns standardised, and the z-score of its logarithm."""
    known, asked = (adbench.standardised(rows, train) for rows in (train, test))
    nearest = NearestNeighbors().fit(known)
    own = nearest.kneighbors(known, NEIGHBOUR + 1)[0][:, -1]
    found = nearest.kneighbors(asked, NEIGHBOUR)[0][:, -1]
    own, log = np.log(own + 1e-3), np.log(found + 1e-3)
    return found, (log - own.mean()) / max(own.std(), 0.1)


def measure(rows: Rows) -> Iterator[tuple[str, np.ndarray]]:
    train, test, _ = rows
    knn, z = distances(train, test)
    whole, errors = fitted(train, test, "category")
    yield from (("kNN", knn), ("categories", whole), ("errors", errors))
    yield from ((f"errors + {share:g} z of kNN", errors + share * z) for share in (0.5, 1, 2))
    yield "numbers", fitted(train, test, "number")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    torch.set_num_threads(1)
    tables.MOST_ROWS = 6000
    figures: dict[str, dict[str, float]] = {}
    for name in (*AS_THEY_ARE, *BINARISED):
        if given.only and not any(word in name for word in given.only.split(",")):
            continue
        rows = read(given.data / f"{name}.npz")
        scores = dict(measure(rows))
        figures[name] = {what: 100 * float(roc_auc_score(rows[2], values)) for what, values in scores.items()}
        figures[f"{name} (AP)"] = {
            what: 100 * float(average_precision_score(rows[2], values)) for what, values in scores.items()
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
