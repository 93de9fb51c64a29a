"""AUROC and average precision on tables of mixed columns: one file of labelled rows, or a file to train on and one to score.

python -m benchmarks.ae_anomaly.mixed --data hypothyroid.csv [--preset balanced] [--seeds 0,1,2] [--drop diagnosis,attack]
python -m benchmarks.ae_anomaly.mixed --data nslkdd/train_normal.csv --test nslkdd/test.csv

Of one file, half of the normal rows (shuffled with the seed) train and the other half and all anomalies (is_anomaly 1) are scored;
of two, the seed is the model's alone. No label is seen in training.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder

LABEL = "is_anomaly"


def split(data: Path, test: Path | None, drop: list[str], seed: int) -> tuple[Any, Any, np.ndarray]:
    """Rows to train on, rows to score, and which of these are anomalies."""
    frame = pd.read_csv(data, dtype=str, keep_default_na=False)
    other = pd.read_csv(test, dtype=str, keep_default_na=False) if test else None
    if other is None:
        odd = frame[LABEL].to_numpy() == "1"
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(~odd))
        cut = round(len(normal) / 2)
        frame, other = frame.iloc[normal[:cut]], frame.iloc[np.concatenate([normal[cut:], np.flatnonzero(odd)])]
    left_out = [name for name in (LABEL, *drop) if name in frame]
    return frame.drop(columns=left_out), other.drop(columns=left_out), other[LABEL].to_numpy() == "1"


def measure(train: Any, test: Any, odd: np.ndarray, preset: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """One fit: what the whole score, the error alone, and each of its parts are worth."""
    started = time.perf_counter()
    detector = AnomalyAutoencoder(preset=preset, random_state=seed, settings=settings).fit(train)
    fitted = time.perf_counter() - started
    inner = detector.detector_
    found = inner.probe(inner.encoder.encode(detector._table(test)))
    calibration = inner.calibration
    z = (found.parts - calibration.mean) / calibration.scale
    members = 2 * inner.model.config.members
    parts = {
        "whole": calibration.score(found),
        "error": z[:, :-2] @ calibration.weights[:-2],
        "numbers": z[:, :members].mean(1),
    }
    parts |= {"categories": z[:, -3], "input": z[:, -2], "latent": z[:, -1]}
    worth = {name: (round(100 * roc_auc_score(odd, each), 2), round(100 * average_precision_score(odd, each), 2)) for name, each in parts.items()}  # fmt: skip
    return {"seed": seed, "fit_seconds": round(fitted, 1), **worth}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--drop", default="diagnosis,attack")
    parser.add_argument("--settings", type=json.loads, default={}, help="further settings of fit, as JSON")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        rows = split(given.data, given.test, given.drop.split(","), seed)
        print(measure(*rows, given.preset, seed, given.settings), flush=True)


if __name__ == "__main__":
    main()
