"""Accuracy with 0, 1, 2, 4 and 8 examples in the prompt, on tasks that the weights were not trained on.

    python -m benchmarks.in_context TASKS.parquet --weights tales --tasks hwu_scenario,sms_spam

TASKS has the columns task, text and label. Every draw takes up to four labels of a task, two examples of each (or more,
eight in all) and as many queries of each label; all numbers of examples are asked the same queries, so that chance is
one by the number of labels. With `--words random` the labels are unrelated words, which only the examples explain.
`nearest` is the rival that copies: the label of the example nearest by TF-IDF, ties shared out.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from plugins.gpt_prompting import PLUGIN
from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.prompts import CALIBRATIONS, DEFAULT_TEMPLATE, LABEL, Row, make_prompt
from training.data.table import read_table

SHOTS = (0, 1, 2, 4, 8)
MAX_LABELS, MAX_CHARACTERS = 4, 160  # of a task in one draw; of a text, so that eight examples fit the context
WORDS = ("apple", "river", "stone", "window", "paper", "horse", "garden", "bottle", "silver", "candle", "mountain")


class Draw(NamedTuple):
    """One selection of labels, examples and queries of a task."""

    task: str
    labels: list[str]
    examples: Sequence[Row]
    queries: Sequence[Row]


def tasks_of(path: Path, names: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Task -> label -> its distinct texts."""
    table, tasks = read_table(path), defaultdict(lambda: defaultdict(dict))
    for task, text, label in zip(*(table.strings(name) for name in ("task", "text", LABEL)), strict=True):
        if task and text and label and len(text) <= MAX_CHARACTERS and (not names or task in names):
            tasks[task][label][text.strip()] = None
    return {task: {label: list(texts) for label, texts in labels.items()} for task, labels in tasks.items()}


def draw(task: str, classes: dict[str, list[str]], queries: int, seed: int) -> Draw:
    """Labels, eight examples whose labels take turns, and `queries` other texts."""
    random = np.random.default_rng([seed, *task.encode()])
    usable = sorted(label for label, texts in classes.items() if len(texts) >= SHOTS[-1] + 2)
    labels = random.permutation(usable)[:MAX_LABELS].tolist()
    pools = {label: iter(random.permutation(classes[label]).tolist()) for label in labels}

    def rows(count: int) -> list[Row]:
        turns = [labels[number % len(labels)] for number in range(count)]
        return [{"text": text, LABEL: label} for label in turns if (text := next(pools[label], None))]

    return Draw(task, labels, rows(SHOTS[-1]), rows(queries))


def with_random_words(given: Draw, seed: int) -> Draw:
    """The same draw, with unrelated words as its labels."""
    chosen = np.random.default_rng([seed, 5]).permutation(WORDS)[: len(given.labels)].tolist()
    words = dict(zip(given.labels, chosen, strict=True))
    examples, queries = (
        [{**row, LABEL: words[row[LABEL]]} for row in side] for side in (given.examples, given.queries)
    )
    return Draw(given.task, chosen, examples, queries)


def accuracies(model: TransformersModel, given: Draw, calibrate: str) -> Iterator[float]:
    """The share of the queries that are labelled right, with each number of examples."""
    prompt = make_prompt(DEFAULT_TEMPLATE, given.labels, calibrate=calibrate)
    for shots in SHOTS:
        scorer = LabelScorer(model, replace(prompt, examples=tuple(given.examples[:shots])))
        predictions = scorer.label([{"text": row["text"]} for row in given.queries])
        yield float(np.mean([p.label == row[LABEL] for p, row in zip(predictions, given.queries, strict=True)]))


def nearest(given: Draw) -> float:
    """The accuracy of the label of the nearest example by TF-IDF over words."""
    texts = [row["text"] for row in given.examples]
    index = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+").fit(texts)
    similar = (index.transform([row["text"] for row in given.queries]) @ index.transform(texts).T).toarray()
    right = np.asarray([[one[LABEL] == row[LABEL] for one in given.examples] for row in given.queries])
    best = similar >= similar.max(1, keepdims=True) - 1e-9
    return float(((right & best).sum(1) / best.sum(1)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="A table of task, text and label.")
    parser.add_argument("--weights", default="tales", help="A starter, or a folder.")
    parser.add_argument("--tasks", default="", help="Names, comma-separated. Empty: all of the table.")
    parser.add_argument("--words", choices=("own", "random"), default="own", help="What the labels are.")
    parser.add_argument("--calibrate", choices=CALIBRATIONS, default="none")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--queries", type=int, default=40)
    options = parser.parse_args()
    model = TransformersModel.load(PLUGIN.starters.get(options.weights, Path(options.weights)))
    tasks = tasks_of(options.data, [name.strip() for name in options.tasks.split(",") if name.strip()])
    print(f"| task | chance | {' | '.join(map(str, SHOTS))} | nearest |\n{'| --- ' * (len(SHOTS) + 3)}|")
    rows = []
    for task, classes in tasks.items():
        draws = [draw(task, classes, options.queries, seed) for seed in range(options.draws)]
        if options.words == "random":
            draws = [with_random_words(each, seed) for seed, each in enumerate(draws)]
        scores = np.mean([list(accuracies(model, each, options.calibrate)) for each in draws], axis=0)
        rows.append([1 / len(draws[0].labels), *scores, float(np.mean([nearest(each) for each in draws]))])
        print(f"| {task} | {' | '.join(f'{value:.2f}' for value in rows[-1])} |", flush=True)
    print(f"| mean | {' | '.join(f'{value:.3f}' for value in np.mean(rows, axis=0))} |")


if __name__ == "__main__":
    main()
