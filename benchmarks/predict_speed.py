"""Labels for many rows beside transformers' `pipeline`: rows a second, and how often both say the same.

    pip install -r benchmarks/requirements.txt
    python benchmarks/predict_speed.py classify --model RUN/artifact --data dev.tsv --rounds 3

`--model` is what one of our trainers made of MiniLM. Ours reads a CSV and writes one, as `/bert_finetune_classify_file` does; `pipeline` gets
the texts as a list, once with its default, a row at a time, and once with `batch_size=32`. transformers 5 has no pipeline for questions: there
the peer is the loop of its course. Loading and the first 32 rows are not timed. On a machine with other work: `--threads 1 --clock cpu`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import sides

SIDES = {"ours": 0, "one at a time": 1, "batches of 32": 32}
WARM_UP = 32  # rows before the clock starts
NAMES = {"classify": ["text"], "tag": ["text"], "answer": ["question", "context"]}


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps(measure(options)))
        return
    ratios: dict[str, list[float]] = {}
    for number in range(options.rounds):
        order = list(SIDES)[:: 1 if number % 2 else -1]
        found = {who: sides.run_side(who) for who in order}
        rates = {who: found[who]["rows_per_second"] for who in SIDES}
        for who in SIDES:
            ratios.setdefault(who, []).append(rates["ours"] / rates[who])
        print(", ".join(f"{who} {rates[who]:.1f} rows/s" for who in SIDES), flush=True)
        if not number:
            print(f"the same is said of {alike(found['ours']['said'], found['one at a time']['said']):.2%} of the rows")
    for who in list(SIDES)[1:]:
        print(f"{options.task}: {statistics.median(ratios[who]):.2f}x of {who} over {options.rounds} rounds")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=tuple(NAMES))
    parser.add_argument("--model", required=True, help="A folder of fine-tuned weights.")
    parser.add_argument("--data", required=True, help="As for finetune_speed.py; its labels are not looked at.")
    parser.add_argument("--rows", type=int, default=1000, help="The first so many.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    sides.add_clock(parser)
    parser.add_argument("--worker", choices=tuple(SIDES), help=argparse.SUPPRESS)
    return parser.parse_args()


def rows_of(options: argparse.Namespace) -> list[tuple[str, ...]]:
    """What is asked: a text each, or a question and its context."""
    raw = Path(options.data).read_text(encoding="utf-8")
    if options.task == "classify":
        return [(line.split("\t")[0],) for line in raw.splitlines()[1:]][: options.rows]
    if options.task == "tag":
        blocks = [block for block in raw.split("\n\n") if block.strip()]
        return [(" ".join(line.split("\t")[0] for line in block.splitlines() if line.strip()),) for block in blocks][: options.rows]  # fmt: skip
    paragraphs = [each for article in json.loads(raw)["data"] for each in article["paragraphs"]]
    return [(asked["question"], each["context"]) for each in paragraphs for asked in each["qas"]][: options.rows]


def measure(options: argparse.Namespace) -> dict:
    """One side: its rate, and what it says of every row."""
    import torch

    torch.set_num_threads(options.threads)
    size, rows, now = SIDES[options.worker], rows_of(options), sides.CLOCKS[options.clock]
    if size:
        import predict_peer

        predict = predict_peer.predictor(options.task, options.model, size)
    else:
        predict = ours(options)
    predict(rows[:WARM_UP])
    start = now()
    said = predict(rows)
    return {"rows_per_second": len(rows) / (now() - start), "said": said}


def ours(options: argparse.Namespace):
    """From a file to a file."""
    from plugins.bert_finetune import PLUGIN

    model: Any = PLUGIN.kind(options.task).load(Path(options.model))
    ask = getattr(model, f"{options.task}_file")

    def predict(rows: list[tuple[str, ...]]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            with file.open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows([NAMES[options.task], *rows])
            with ask(file).open(newline="", encoding="utf-8") as scored:
                return [_plain(row) for row in csv.DictReader(scored)]

    return predict


def _plain(row: dict[str, str]) -> str:
    if "entities" in row:
        return ", ".join(f"{one['text']} ({one['label']})" for one in json.loads(row["entities"] or "[]"))
    return row["predicted_label" if "predicted_label" in row else "predicted_answer"]


def alike(said: list[str], other: list[str]) -> float:
    return statistics.mean(one == two for one, two in zip(said, other, strict=True))


if __name__ == "__main__":
    main()
