"""AUROC and average precision on labelled tables under the one-class protocol, one configuration for all; resumable.

python -m benchmarks.ae_anomaly.tables --data adbench --out tables.csv [--preset balanced] [--seeds 0,1,2] [--only cardio,glass]
python -m benchmarks.ae_anomaly.tables --report tables.csv [--peers adbench/peers.csv]

--data: a folder of *.npz with X and y (1: anomaly). A seeded draw caps a table at 20,000 rows; half of the normal rows (shuffled with
the seed) train, the other half and all anomalies are scored; numbers are standardised by the training rows. No label is seen in training.
Seconds are of processor time: with one thread, the time on a quiet machine.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.ae_anomaly import adbench
from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder

FIELDS = ["dataset", "preset", "seed", "part", "auroc", "auprc", "fit_seconds", "score_seconds"]
MOST_ROWS = 20_000
DEEP = ("AutoEncoder", "VAE", "DeepSVDD")
PEERS = ("KNN", "PCA", "ECOD", "IForest", *DEEP)


def split(path: Path, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, rows to score, and which of these are anomalies."""
    x, y = adbench.read(path)
    rng = np.random.default_rng(seed)
    if len(y) > MOST_ROWS:
        keep = rng.choice(len(y), MOST_ROWS, replace=False)
        x, y = x[keep], y[keep]
    normal = rng.permutation(np.flatnonzero(y == 0))
    cut = round(len(normal) / 2)
    rest = np.concatenate([normal[cut:], np.flatnonzero(y == 1)])
    scaled = adbench.standardised(x, x[normal[:cut]])
    return scaled[normal[:cut]], scaled[rest], y[rest]


def measure(path: Path, seed: int, preset: str) -> list[dict]:
    """One fit: a line for the whole score, for the error alone, and for each of what it adds up."""
    train, test, y = split(path, seed)
    started = time.process_time()
    detector = AnomalyAutoencoder(preset=preset, random_state=seed).fit(train)
    fitted = time.process_time()
    inner = detector.detector_
    rows = inner.encoder.encode(detector._table(test))
    found = inner.probe(rows)
    scored = time.process_time()
    calibration = inner.calibration
    z = (found.parts - calibration.mean) / calibration.scale
    error = z[:, :-2] @ calibration.weights[:-2]
    wanted = {"whole": calibration.score(found), "error": error, "input": z[:, -2], "latent": z[:, -1], "error+input": error + z[:, -2], "error+latent": error + z[:, -1]}  # fmt: skip
    wanted |= {f"part {n}": z[:, n] for n in range(z.shape[1] - 2)}
    about = {"dataset": path.stem, "preset": preset, "seed": seed, "fit_seconds": round(fitted - started, 2), "score_seconds": round(scored - fitted, 2)}  # fmt: skip
    return [{**about, "part": name, "auroc": round(roc_auc_score(y, values), 5), "auprc": round(average_precision_score(y, values), 5)} for name, values in wanted.items()]  # fmt: skip


def report(path: Path, peers: Path | None) -> None:
    """Means over seeds, a table a line, beside the peers'."""
    d: Any = pd.read_csv(path)
    d = d[~d.part.str.startswith("part ")]
    for figure in ("auroc", "auprc"):
        table = d.groupby(["dataset", "part"])[figure].mean().unstack() * 100
        if peers:
            p: Any = pd.read_csv(peers)
            table = table.join(p.groupby(["dataset", "method"])[figure.replace("auroc", "aucroc").replace("auprc", "aucpr")].mean().unstack() * 100)  # fmt: skip
        print(
            f"\n{figure} x 100, seeds {sorted(d.seed.unique().tolist())}, preset {d.preset.iloc[0]}\n",
            table.round(1).to_string(),
        )
        print(table.mean().round(1).to_string())
        if peers:
            _print_ranks(table)
    print(f"\nfit, processor seconds: {d.groupby('dataset').fit_seconds.mean().round(1).to_dict()}")


def _print_ranks(table: Any) -> None:
    """Tables on which the whole score beats every deep peer and kNN, and mean ranks of all on the tables that all were run on."""
    for part in ("whole", "error"):
        deep = table[part] > table[[name for name in DEEP if name in table]].max(axis=1)
        near = (table[part] > table["KNN"]).sum() if "KNN" in table else "?"
        print(f"{part} beats every deep peer on {deep.sum()} of {len(table)}, kNN on {near}")
    peers = [name for name in table if name in PEERS]
    ranks = table[["whole", *peers]].rank(axis=1, ascending=False).mean().sort_values()
    print(f"mean rank: {ranks.round(2).to_dict()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only", default="")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    if given.report:
        return report(given.report, given.peers)
    torch.set_num_threads(given.threads)
    done = set()
    if given.out.exists():
        done = {(row["dataset"], row["seed"], row["preset"]) for row in csv.DictReader(given.out.open())}
    for seed in map(int, given.seeds.split(",")):
        for path in sorted(given.data.glob("*.npz"), key=lambda each: each.stat().st_size):
            wanted = not given.only or any(word in path.stem for word in given.only.split(","))
            if not wanted or (path.stem, str(seed), given.preset) in done:
                continue
            lines, new = measure(path, seed, given.preset), not given.out.exists()
            with given.out.open("a", newline="") as file:
                writer = csv.DictWriter(file, FIELDS)
                if new:
                    writer.writeheader()
                writer.writerows(lines)
            print(
                path.stem,
                seed,
                {line["part"]: line["auroc"] for line in lines[:6]},
                lines[0]["fit_seconds"],
                flush=True,
            )
    return None


if __name__ == "__main__":
    main()
