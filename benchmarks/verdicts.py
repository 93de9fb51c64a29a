"""Verdicts on rows: average precision and F1 after 20, 50 and 100 of them, chosen or drawn at random, and without any.

    python -m benchmarks.verdicts --tables adbench/*.npz --seeds 3 --out verdicts.jsonl

A table (`X`, `y` of an npz, 6,000 rows at most) is cut in two. A detector learns the first half without labels (size
fast, 300 steps); an oracle gives verdicts on rows of that half, ten a round; figures are of the second half. F1 is that
at the threshold. `held` is how often the 95 % interval of the precision held that of all alerts.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score

SIDES = ("chosen", "random")
COUNTS = (20, 50, 100)
MOST_ROWS, STEPS = 6000, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    lines = done(options.out)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for path in map(Path, options.tables):
            if not any((line["table"], line["seed"]) == (path.stem, seed) for line in lines):
                lines += record(options.out, [{"table": path.stem, "seed": seed, **line} for line in table(path, seed)])
    print(report(lines))


def done(path: str) -> list[dict[str, Any]]:
    file = Path(path)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def record(path: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with Path(path).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return lines


def table(path: Path, seed: int) -> list[dict[str, Any]]:
    from plugins.ae_anomaly.verdicts.head import RowFeatures

    content = np.load(path, allow_pickle=False)
    random = np.random.default_rng(seed)
    rows = random.permutation(len(content["y"]))[:MOST_ROWS]
    values, truth = content["X"][rows], content["y"][rows].astype(bool)
    half = len(rows) // 2
    scores, errors, clean = detected(values, half, seed)
    features = RowFeatures(scores, errors)
    limit = float(np.quantile(clean, 0.99, method="higher"))
    found = [{"side": "none", "verdicts": 0, **figures(scores, limit, truth, half)}]
    return found + [line for side in SIDES for line in session(features, truth, half, limit, side, seed)]


def detected(values: np.ndarray, half: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores and errors of both halves by a detector of the first, and the scores of its calibration."""
    from plugins.ae_anomaly import PLUGIN
    from plugins.ae_anomaly.fit.predictor import load
    from plugins.ae_anomaly.verdicts.features import row_features
    from training.fit.experiment import run_task
    from training.settings import parse_settings

    kind = PLUGIN.kind("fit")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("train.csv", "test.csv")]
        for path, part in zip(paths, (values[:half], values[half:]), strict=True):
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([[f"f{n}" for n in range(values.shape[1])], *part.tolist()])
        given = {"data": str(paths[0]), "steps": STEPS, "size": "fast", "seed": seed, "model": ""}
        settings: Any = parse_settings(kind.trained_by, given).with_usual()
        run = Path(folder) / "run"
        run.mkdir()
        run_task(kind.build(kind.read(settings), settings), settings, run, {"title": "A detector"})
        model = load(run / "artifact")
        parts = [row_features(model, path) for path in paths]
    scores, errors = (np.concatenate([getattr(part, name) for part in parts]) for name in ("scores", "errors"))
    return scores, errors, model.calibration.scores


def session(features: Any, truth: np.ndarray, half: int, limit: float, side: str, seed: int) -> list[dict[str, Any]]:
    """Verdicts on rows of the first half, by rounds, and the figures of the second."""
    from plugins.ae_anomaly.verdicts.head import RowFeatures
    from plugins.ae_anomaly.verdicts.rounds import next_round

    pool = RowFeatures(features.scores[:half], features.errors[:half])
    order = np.random.default_rng([seed, 1]).permutation(half)
    drawn = np.random.default_rng([seed, 2]).permutation(half).tolist()
    verdicts: dict[int, bool] = {}
    lines = []
    while True:
        found = next_round(pool, verdicts, order, limit, 10)
        if len(verdicts) in COUNTS:
            # All rows stand for those of another file: they are ranked by the fit of the verdicts, and not judged.
            whole = next_round(features, verdicts, np.arange(len(truth)), limit, 10)
            line = {"side": side, "verdicts": len(verdicts), **figures(whole.ranking, whole.limit, truth, half)}
            line |= {"uses_errors": whole.uses_errors, "anomalies_found": int(sum(verdicts.values()))}
            if (expected := found.estimate) and side == SIDES[0]:
                alerts = found.ranking >= found.limit
                precision = float(truth[:half][alerts].mean())
                line |= {
                    "held": bool(expected.low <= precision <= expected.high),
                    "error": expected.precision - precision,
                }
            lines.append(line)
        if len(verdicts) >= max(COUNTS) or len(verdicts) >= half - 10:
            return lines
        chosen = found.chosen if side == SIDES[0] else drawn[len(verdicts) : len(verdicts) + 10]
        verdicts |= {int(row): bool(truth[row]) for row in chosen}


def figures(ranking: np.ndarray, limit: float, truth: np.ndarray, half: int) -> dict[str, float]:
    """Of the second half."""
    held = slice(half, None)
    return {
        "ap": float(average_precision_score(truth[held], ranking[held])),
        "f1": float(f1_score(truth[held], ranking[held] >= limit)),
    }


def report(lines: list[dict[str, Any]]) -> str:
    """Means over tables and seeds, and the gain over none, table by table, with Student's interval over tables."""
    own = {line["table"] + str(line["seed"]): line for line in lines if line["side"] == "none"}
    mean = {name: np.mean([line[name] for line in own.values()]) for name in ("ap", "f1")}
    text = [f"none: AP {mean['ap']:.3f}, F1 {mean['f1']:.3f}"]
    for side in SIDES:
        for count in COUNTS:
            group = [line for line in lines if (line["side"], line["verdicts"]) == (side, count)]
            words = [f"{side}, {count} verdicts:"]
            for name in ("ap", "f1"):
                gains = defaultdict(list)
                for line in group:
                    gains[line["table"]].append(line[name] - own[line["table"] + str(line["seed"])][name])
                each = np.array([np.mean(values) for values in gains.values()])
                half = stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else 0
                words.append(f"{name} {np.mean([x[name] for x in group]):.3f} ({each.mean():+.3f} ± {half:.3f})")
            found = np.mean([line["anomalies_found"] for line in group])
            text.append(
                " ".join(
                    [*words, f"anomalies {found:.0f}, errors used {np.mean([x['uses_errors'] for x in group]):.0%}"]
                )
            )
    held = [line["held"] for line in lines if "held" in line]
    text.append(f"interval of the precision held in {np.mean(held):.0%} of {len(held)}" if held else "")
    tables = sorted({line["table"] for line in lines})
    for name in tables:
        rows = [line for line in lines if line["table"] == name]
        cells = [
            np.mean([x["ap"] for x in rows if (x["side"], x["verdicts"]) == key])
            for key in (("none", 0), *((s, 100) for s in SIDES))
        ]
        text.append(f"{name}: AP none {cells[0]:.3f}, chosen {cells[1]:.3f}, random {cells[2]:.3f}")
    return "\n".join(text)


if __name__ == "__main__":
    main()
