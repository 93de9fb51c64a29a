"""What the learned features are worth to a classifier, and whether a corrupted cell is found: on the table `adult`.

python -m benchmarks.ae_anomaly.adult --data adult [--preset balanced] [--seeds 0,1,2] [--settings '{"mask_ratio": 0.5}']

--data: a folder with train.csv and test.csv, 14 columns and `income`, which is not learnt. Features: logistic regression on the latent
features, and on latent, scaled numbers and category vectors side by side; area under the ROC curve of `income` on test.csv.
Corruption: in each of 1,000 test rows one cell takes another row's (other) value; how often its column has the largest share of what is
odd, or one of the three largest, and how often the expected value of a corrupted category is the true one.
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
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder

LABEL, CORRUPTED = "income", 1000


def read(path: Path) -> tuple[Any, np.ndarray]:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return frame.drop(columns=LABEL), frame[LABEL].str.contains(">").to_numpy()


def features(detector: Any, frame: Any) -> tuple[np.ndarray, np.ndarray]:
    """Latent features, (rows, latent); and with numbers and category vectors beside them."""
    inner = detector.detector_
    rows = inner.encoder.encode(detector._table(frame))
    latent = inner.probe(rows).latent
    vectors = [inner.model.embeddings.vectors(n).detach().numpy()[rows.categories[:, n]] for n in range(rows.categories.shape[1])]  # fmt: skip
    return latent, np.concatenate([latent, np.nan_to_num(rows.numbers), *vectors], axis=1)


def worth(train: np.ndarray, rich: np.ndarray, test: np.ndarray, rich_test: np.ndarray) -> float:
    """Area under the ROC curve of a logistic regression."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(train, rich)
    return round(float(roc_auc_score(rich_test, classifier.predict_proba(test)[:, 1])), 4)


def corrupt(frame: Any, seed: int) -> tuple[Any, np.ndarray]:
    """Rows with one cell replaced by another row's value, and which column that is."""
    random = np.random.default_rng(seed)
    cells = frame.sample(CORRUPTED, random_state=seed).to_numpy(copy=True)
    places = random.integers(cells.shape[1], size=len(cells))
    for row, place in enumerate(places):
        others = frame.iloc[:, place].to_numpy()
        cells[row, place] = random.choice(others[others != cells[row, place]])
    return pd.DataFrame(cells, columns=frame.columns), places


def explained(detector: Any, frame: Any, seed: int) -> dict[str, float]:
    """Shares of rows in which the corrupted column is first, or among three; and of categories that are expected rightly."""
    inner = detector.detector_
    changed, places = corrupt(frame, seed)
    truth = frame.sample(CORRUPTED, random_state=seed).to_numpy()
    rows = inner.encoder.encode(detector._table(changed))
    names = list(frame.columns)
    shares = inner.calibration.shares(inner.probe(rows))
    order = np.argsort(-shares, axis=1, kind="stable")
    asked = np.asarray([inner.encoder.columns.index(names[place]) for place in places])
    kinds = {one.name: one.kind for one in inner.encoder.kinds}
    right = []
    for row, place in enumerate(places):
        if kinds[names[place]] == "category" and truth[row, place] != "":
            right.append(inner.expected(rows, row)[names[place]][0] == truth[row, place])
    return {
        "first": round(float((order[:, 0] == asked).mean()), 3),
        "in three": round(float((order[:, :3] == asked[:, None]).any(1).mean()), 3),
        "category right": round(float(np.mean(right)), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--settings", type=json.loads, default={}, help="further settings of fit, as JSON")
    given = parser.parse_args()
    torch.set_num_threads(1)
    (train, rich), (test, rich_test) = read(given.data / "train.csv"), read(given.data / "test.csv")
    for seed in map(int, given.seeds.split(",")):
        started = time.perf_counter()
        detector = AnomalyAutoencoder(given.preset, random_state=seed, settings=given.settings).fit(train)
        seconds = round(time.perf_counter() - started, 1)
        latent, wide = features(detector, train)
        latent_test, wide_test = features(detector, test)
        found: dict[str, Any] = {"seed": seed, "fit_seconds": seconds, "width": wide.shape[1]}
        found |= {"latent": worth(latent, rich, latent_test, rich_test), "latent and embeddings": worth(wide, rich, wide_test, rich_test)}  # fmt: skip
        print(found | explained(detector, test, seed), flush=True)


if __name__ == "__main__":
    main()
