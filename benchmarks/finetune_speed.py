"""Fine-tuning beside a plain transformers `Trainer`: rows a second, and the score after the same steps. Same model, data, settings, threads.

    pip install -r benchmarks/requirements.txt
    python benchmarks/finetune_speed.py classify --data train.tsv --precision fp32 --rounds 3
    python benchmarks/finetune_speed.py tag --data train.conll --eval-data dev.conll --steps 300 --rounds 3

Each round runs both, in processes of their own and in turn, with the round's number as the seed; the ratio is of the two in one round.
`--same-length` repeats one text length, where no padding can be saved. What is timed: everything between the first and the last optimiser
step, start-up and imports excluded, for both. On a machine with other work `--threads 1 --clock cpu` compares processor time.
With `--eval-data` both networks are scored on it by the same code.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import sides

WARM_UP = 3  # steps before the clock starts
LENGTHS = {"classify": 128, "tag": 128, "answer": 256}
SHOWN = {"classify": "accuracy", "tag": "f1", "answer": "f1"}


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps({"ours": ours, "peer": peer}[options.worker](options)))
        return
    rounds = []
    for number in range(options.rounds):
        sys.argv += ["--seed", str(number)]
        found = sides.in_turn(number)
        rounds.append(found)
        print(describe(found["ours"], found["peer"], options), flush=True)
    ratio = statistics.median(each["ours"]["rows_per_second"] / each["peer"]["rows_per_second"] for each in rounds)
    print(
        f"{options.task}, {options.precision}{', one length' if options.same_length else ''}: median {ratio:.2f}x over {options.rounds} rounds"
    )
    if options.eval_data:
        means = {who: statistics.mean(each[who]["score"] for each in rounds) for who in ("ours", "peer")}
        print(f"mean {SHOWN[options.task]}: ours {means['ours']:.4f}, Trainer {means['peer']:.4f}")


def describe(ours: dict, peer: dict, options: argparse.Namespace) -> str:
    """One round as a line."""
    line = f"ours {ours['rows_per_second']:.1f}, Trainer {peer['rows_per_second']:.1f} rows/s: {ours['rows_per_second'] / peer['rows_per_second']:.2f}x"
    line += f"; memory {ours['memory_mb'] / peer['memory_mb']:.2f}x"
    return line + (f"; {SHOWN[options.task]} {ours['score']:.4f}, {peer['score']:.4f}" if options.eval_data else "")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_budget(parser)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--rounds", type=int, default=3)
    sides.add_clock(parser)
    parser.add_argument(
        "--same-length", action="store_true", help="classify: every text repeated to the longest length."
    )
    parser.add_argument(
        "--attention-dropout", type=float, default=0.0, help="Ours; the Trainer's is the model's own, 0.1."
    )
    return complete(parser.parse_args())


def add_budget(parser: argparse.ArgumentParser) -> None:
    """What both sides are given."""
    parser.add_argument("task", choices=tuple(LENGTHS))
    parser.add_argument(
        "--data",
        required=True,
        help="classify: a TSV with sentence and label; tag: CoNLL, tab-separated; answer: SQuAD's JSON.",
    )
    parser.add_argument("--eval-data", default="", help="A file of the same kind: score both on it.")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--max-length", type=int, default=0, help=f"Tokens; {LENGTHS} by default.")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", choices=("ours", "peer"), help=argparse.SUPPRESS)


def complete(options: argparse.Namespace) -> argparse.Namespace:
    """With the task's own length where none was given."""
    options.max_length = options.max_length or LENGTHS[options.task]
    return options


def rows_of(options: argparse.Namespace, folder: str) -> Path:
    """The data file; with one length, every text repeated to fill it."""
    if not options.same_length:
        return Path(options.data)
    import csv

    target = Path(folder) / "same.tsv"
    with Path(options.data).open(encoding="utf-8") as source, target.open("w", encoding="utf-8") as out:
        reader = csv.DictReader(source, delimiter="\t", quoting=csv.QUOTE_NONE)
        out.write("sentence\tlabel\n")
        out.writelines(
            " ".join((row["sentence"].split() * 100)[: options.max_length]) + f"\t{row['label']}\n" for row in reader
        )
    return target


def make_task(options: argparse.Namespace, data: Path) -> tuple[Any, Any]:
    """Our trainer's settings and task."""
    import torch

    torch.set_num_threads(options.threads)
    from plugins.bert_finetune import PLUGIN
    from training.settings import parse_settings

    kind = PLUGIN.kind(options.task)
    values = {
        "model": sides.minilm(), "data": str(data), "eval_data": options.eval_data, "eval_share": 0 if not options.eval_data else 0.1,
        "steps": options.steps, "batch_size": options.batch_size, "learning_rate": options.learning_rate, "max_length": options.max_length,
        "precision": options.precision, "eval_every": 10**6, "attention_dropout": options.attention_dropout, "device": "cpu", "seed": options.seed,
    }  # fmt: skip
    settings = parse_settings(kind.trained_by, values)
    return settings, kind.build(kind.read(settings), settings)


def ours(options: argparse.Namespace) -> dict:
    """The trainer as a user runs it, events and checkpoints included."""
    with tempfile.TemporaryDirectory() as folder:
        settings, task = make_task(options, rows_of(options, folder))
        from torch.optim.optimizer import register_optimizer_step_pre_hook

        from training.fit.loop import fit

        times, now = [], sides.CLOCKS[options.clock]
        register_optimizer_step_pre_hook(lambda *_: times.append(now()))
        fit(task, settings, Path(folder))
        return measured(times, options) | ({"score": score(task, settings)} if options.eval_data else {})


def peer(options: argparse.Namespace) -> dict:
    """The Trainer; its weights are then scored in our network."""
    import finetune_peer

    with tempfile.TemporaryDirectory() as folder:
        data = rows_of(options, folder)
        settings, task = make_task(options, data)
        times, now = [], sides.CLOCKS[options.clock]
        labels = (
            [task.model.config.id2label[number] for number in range(task.model.config.num_labels)]
            if options.task != "answer"
            else []
        )
        same = ("steps", "batch_size", "learning_rate", "max_length", "warmup_ratio", "weight_decay", "seed")
        chosen = {name: getattr(settings, name) for name in same}
        chosen |= {"stride": getattr(settings, "stride", 0), "bf16": options.precision == "bf16"}
        network = finetune_peer.train(options.task, sides.minilm(), data, labels, chosen, lambda: times.append(now()))
        found = measured(times, options)
        if options.eval_data:
            task.model.load_state_dict(network.state_dict())
            found["score"] = score(task, settings)
        return found


def score(task: Any, settings: Any) -> float:
    """The task's figure on the held-out rows, without autocast."""
    from accelerate import Accelerator

    from training.fit import evaluation

    task.model.eval()
    found = evaluation.score(task, task.model, Accelerator(cpu=True), settings)
    assert found is not None
    return found.metrics[SHOWN[type(task).__name__.removesuffix("Task").lower()]]


def measured(times: list, options: argparse.Namespace) -> dict:
    steps = len(times) - 1 - WARM_UP
    return {
        "rows_per_second": steps * options.batch_size / (times[-1] - times[WARM_UP]),
        "memory_mb": sides.peak_memory_mb(),
    }


if __name__ == "__main__":
    main()
