"""Does it carry over? Classifiers fine-tuned on one task, tested on related tasks with the same label names.

    python -m benchmarks.carry_over --labels 32 --seeds 2 --out carry.jsonl \\
        --task films train.tsv dev.tsv 0=negative,1=positive --task products reviews.csv reviews-eval.csv

Each task is a name, a file to draw labelled rows from, a file to test on, and what its labels mean (left out where the
file writes the names). Rows of the matrix are what was trained on, columns what is tested on; beside them stand label
names alone, which were tuned on nothing. A fit is a line of `--out`: the same command goes on after a kill.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks.few_labels import done as earlier_runs

UNTUNED = "label names alone", "adapted to these texts"


class Task(NamedTuple):
    """Labelled rows of a task, with names for labels."""

    name: str
    train: list[tuple[str, str]]
    held: list[tuple[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", action="append", required=True)
    parser.add_argument("--labels", type=int, default=32, help="Rows a class.")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--template", default="This is {label}.")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--out", required=True)
    parser.add_argument("--csv", help="Writes the matrix there, a line for each cell.")
    options = parser.parse_args()
    tasks = [read(*each) for each in options.task]
    done = list(earlier_runs(options.out))
    for seed in range(options.seeds):
        for task in tasks:
            if not any((each["trained_on"], each["seed"]) == (task.name, seed) for each in done):
                done += record(options.out, [{"seed": seed, **row} for row in fine_tuned(task, tasks, options, seed)])
    if not any(each["trained_on"] == UNTUNED[0] for each in done):
        done += record(options.out, untuned(tasks, options))
    print(matrix(done, [task.name for task in tasks]))
    if options.csv:
        write_csv(options.csv, done)


def record(path: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with Path(path).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return rows


def read(name: str, train: str, held: str, meaning: str = "") -> Task:
    from training.data.column_guess import guess_text_columns
    from training.data.table import read_table

    names = dict(pair.split("=") for pair in meaning.split(",")) if meaning else {}
    parts = []
    for path in (train, held):
        table = read_table(Path(path))
        columns = guess_text_columns(table)
        rows = zip(table.strings(columns.text), table.strings(columns.label or ""), strict=True)
        parts.append([(text, names.get(label, label)) for text, label in rows if text and label])
    return Task(name, *parts)


def fine_tuned(task: Task, tasks: list[Task], options: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """What `classify` makes of few rows of a task, tested on all tasks."""
    from plugins.bert_finetune import PLUGIN
    from plugins.bert_finetune.classify.predictor import ClassifierPredictor
    from training.cli.decide import decide_settings, with_weights
    from training.fit.loop import fit
    from training.settings import parse_settings

    random, kind = np.random.default_rng([seed, options.labels]), PLUGIN.kind("classify")
    labels = np.array([label for _, label in task.train])
    rows = [
        row
        for name in sorted({*labels})
        for row in random.permutation(np.flatnonzero(labels == name))[: options.labels]
    ]
    with tempfile.TemporaryDirectory() as folder:
        paths = {"data": rows_file(folder, "train", [task.train[row] for row in random.permutation(rows)])}
        paths["eval_data"] = rows_file(folder, "held", task.held[:50])  # what is reported is scored below
        given = {**paths, "seed": seed, "model": options.model, "drop_leaked": False}
        settings: Any = parse_settings(kind.trained_by, given)
        data: Any = kind.read(settings)
        settings = with_weights(PLUGIN, decide_settings(PLUGIN, kind, data, settings).settings)
        built: Any = kind.build(data, settings.model_copy(update={"eval_every": settings.steps}))
        run = Path(folder) / "run"
        run.mkdir()
        fit(built, built.settings, run)
        predictor = ClassifierPredictor(built.model, built.tokenizer, {"facts": built.facts})
    seen = {text for text, _ in task.train}
    results = []
    for other in tasks:
        held = [(text, label) for text, label in other.held if text not in seen]
        found = predictor.probabilities([text for text, _ in held]).argmax(1)
        right = [predictor.names[number] == label for number, (_, label) in zip(found, held, strict=True)]
        results.append(
            {"trained_on": task.name, "tested_on": other.name, "accuracy": statistics.mean(right), "rows": len(held)}
        )
    return results


def rows_file(folder: str, name: str, rows: list[tuple[str, str]]) -> str:
    path = Path(folder) / f"{name}.jsonl"
    path.write_text(
        "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows), encoding="utf-8"
    )
    return str(path)


def untuned(tasks: list[Task], options: argparse.Namespace) -> list[dict[str, Any]]:
    from plugins.bert_finetune import PLUGIN
    from plugins.bert_finetune.encode.predictor import load
    from plugins.bert_finetune.zero_shot.predict import describe_accuracy, score_table
    from plugins.bert_finetune.zero_shot.table import read_named

    model, results = load(PLUGIN.starters[options.model]), []
    for task in tasks:
        with tempfile.TemporaryDirectory() as folder:
            named = read_named(Path(rows_file(folder, "held", task.held)), [], options.template)
        report = describe_accuracy(model, named, score_table(model, named))
        results += [
            {
                "seed": 0,
                "trained_on": each["name"],
                "tested_on": task.name,
                "accuracy": each["accuracy"],
                "rows": report["measured"],
            }
            for each in report["accuracies"]
            if each["name"] in UNTUNED
        ]
    return results


class Cell(NamedTuple):
    """Mean accuracy with its 95 % interval: Student's over seeds, or Wilson's over the rows of one."""

    trained_on: str
    tested_on: str
    accuracy: float
    low: float
    high: float
    seeds: int
    rows: int


def cells(results: list[dict[str, Any]]) -> dict[tuple[str, str], Cell]:
    """What was trained on and what is tested on -> the mean over the seeds."""
    from training.labelling.sampling import wilson

    found = {}
    for key in dict.fromkeys((each["trained_on"], each["tested_on"]) for each in results):
        own = [each for each in results if (each["trained_on"], each["tested_on"]) == key]
        values = [each["accuracy"] for each in own]
        mean, rows = statistics.mean(values), own[0]["rows"]
        low, high = wilson(mean, rows)
        if len(values) > 1:
            half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
            low, high = max(0.0, mean - half), min(1.0, mean + half)
        found[key] = Cell(*key, mean, low, high, len(values), rows)
    return found


def matrix(results: list[dict[str, Any]], tasks: list[str]) -> str:
    """The cells as a table."""
    found = cells(results)
    lines = [f"| trained on | {' | '.join(tasks)} |", "| --- |" + " --- |" * len(tasks)]
    for row in [*tasks, *UNTUNED]:
        own = [found.get((row, column)) for column in tasks]
        words = ["" if each is None else f"{each.accuracy:.3f} ({each.low:.3f} to {each.high:.3f})" for each in own]
        lines.append(f"| {row} | {' | '.join(words)} |")
    return "\n".join(lines)


def write_csv(path: str, results: list[dict[str, Any]]) -> None:
    """A line for each cell."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([Cell._fields, *cells(results).values()])


if __name__ == "__main__":
    main()
