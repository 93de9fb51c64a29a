"""Tokens a second of `pretrain` beside transformers' `Trainer` with its masked-word collator: same model, text, batch, threads.

    pip install -r benchmarks/requirements.txt
    python benchmarks/pretrain_speed.py --data corpus.txt --precision bf16 --rounds 3

The model is MiniLM (6 layers, width 384, a vocabulary of 30,522) with a head for masked words; both read packed rows of 128 tokens.
The ratio is of ours in `--precision` to the Trainer in its default, 32 bits; `--peer-precision bf16` for the harder question. What is timed is
everything between the first and the last optimiser step. Also printed: the share of this machine's GEMM peak that ours reaches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import sides

WARM_UP = 2  # steps before the clock starts
LENGTH = 128


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps({"ours": ours, "peer": peer, "peak": peak}[options.worker](options)))
        return
    ratios = []
    for number in range(options.rounds):
        found = sides.in_turn(number)
        ratios.append(found["ours"]["tokens"] / found["peer"]["tokens"])
        share = found["ours"]["flops"] / sides.run_side("peak")["flops"]
        print(
            f"ours {found['ours']['tokens']:,.0f}, Trainer {found['peer']['tokens']:,.0f} tokens/s: {ratios[-1]:.2f}x; "
            f"{share:.0%} of the GEMM peak",
            flush=True,
        )
    print(
        f"{options.precision} beside {options.peer_precision}, sentence_objective {options.sentence_objective}: median {statistics.median(ratios):.2f}x over {options.rounds} rounds"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="A text file, a paragraph a line.")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--peer-precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--next-objective", choices=("none", "nsp", "sop"), default="none")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    sides.add_clock(parser)
    parser.add_argument("--worker", choices=("ours", "peer", "peak"), help=argparse.SUPPRESS)
    return parser.parse_args()


def ours(options: argparse.Namespace) -> dict[str, float]:
    """The trainer as a user runs it, events and checkpoints included."""
    import torch

    torch.set_num_threads(options.threads)
    from plugins.bert_finetune.pretrain.data import read
    from plugins.bert_finetune.pretrain.settings import PretrainSettings
    from plugins.bert_finetune.pretrain.task import build
    from training.fit.loop import fit
    from training.settings import parse_settings

    values = {
        "model": sides.minilm(), "data": options.data, "eval_share": 0, "steps": options.steps, "batch_size": options.batch_size,
        "max_length": LENGTH, "precision": options.precision, "sentence_objective": options.sentence_objective, "device": "cpu",
        "learning_rate": 5e-5, "eval_every": 10**6,
    }  # fmt: skip
    settings = parse_settings(PretrainSettings, values)
    times, tokens, masked = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        task = build(read(settings), settings.with_usual())
        losses = task.losses

        def timed(model, batch):
            times.append(sides.CLOCKS[options.clock]())
            tokens.append(
                batch["input_ids"].numel() if "attention_mask" not in batch else int(batch["attention_mask"].sum())
            )
            masked.append(len(batch["positions"]))
            return losses(model, batch)

        task.losses = timed  # type: ignore[method-assign]
        fit(task, settings, Path(folder))
    seconds = times[-1] - times[WARM_UP]
    read, asked = sum(tokens[WARM_UP:-1]), sum(masked[WARM_UP:-1])
    config: Any = task.model.config
    body = config.num_hidden_layers * (12 * config.hidden_size**2 + 2 * LENGTH * config.hidden_size)
    head = config.hidden_size**2 + config.hidden_size * config.vocab_size
    return {"tokens": read / seconds, "flops": 6 * (read * body + asked * head) / seconds}


def peer(options: argparse.Namespace) -> dict[str, float]:
    """The script that the documentation of transformers teaches: texts joined and cut to one length, its collator, Trainer."""
    import torch

    torch.set_num_threads(options.threads)
    from datasets import Dataset, disable_progress_bars
    from transformers import (
        AutoModelForMaskedLM,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(sides.minilm())
    lines = [line.strip() for line in Path(options.data).read_text(encoding="utf-8").splitlines() if line.strip()]
    ids = [token for each in tokenizer(lines[:4000], verbose=False)["input_ids"] for token in each]
    rows = [{"input_ids": ids[start : start + LENGTH]} for start in range(0, len(ids) - LENGTH, LENGTH)]
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            times.append(sides.CLOCKS[options.clock]())

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=options.steps, per_device_train_batch_size=options.batch_size, use_cpu=True,
            bf16=options.peer_precision == "bf16", report_to=[], disable_tqdm=True, save_strategy="no", logging_steps=10,
        )  # fmt: skip
        Trainer(
            AutoModelForMaskedLM.from_pretrained(sides.minilm()),
            arguments,
            train_dataset=Dataset.from_list(rows),
            data_collator=DataCollatorForLanguageModeling(tokenizer),
            callbacks=[Clock()],
        ).train()
    steps = len(times) - 1 - WARM_UP
    return {"tokens": steps * options.batch_size * LENGTH / (times[-1] - times[WARM_UP])}


def peak(options: argparse.Namespace) -> dict[str, float]:
    """The best rate of one large matrix product in the same number format."""
    import torch

    torch.set_num_threads(options.threads)
    kind, size = {"fp32": torch.float32, "bf16": torch.bfloat16}[options.precision], 2048
    left, right = torch.randn(size, size, dtype=kind), torch.randn(size, size, dtype=kind)
    best, now = float("inf"), sides.CLOCKS[options.clock]
    for _ in range(10):
        start = now()
        torch.matmul(left, right)
        best = min(best, now() - start)
    return {"flops": 2 * size**3 / best}


if __name__ == "__main__":
    main()
