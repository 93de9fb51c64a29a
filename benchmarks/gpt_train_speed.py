"""Tokens a second of gpt_prompting's `pretrain` beside transformers' `Trainer`: same network, text or dialogues, rows, batch, threads.

    pip install -r benchmarks/requirements.txt
    python benchmarks/gpt_train_speed.py --data corpus.txt --rounds 3
    python benchmarks/gpt_train_speed.py --dialogues dialogues.parquet --rounds 3
    python benchmarks/gpt_train_speed.py --attention --data corpus.txt

The network is GPT-2 made new (--layers, --width, --heads, --vocabulary), dropout 0 for both unless --peer-dropout. With text both read packed
rows of --length tokens. With dialogues ours packs them and learns the answers; the Trainer reads one a row, padded to the longest of its
batch, with the labels of everything else -100, as its documentation teaches; tokens are those that are no padding. What is timed is
everything between the first and the last optimiser step. On a machine with other work `--threads 1 --clock cpu` compares processor time.
`--attention` times ours with documents that see each other and with such that do not, on rows of many short documents.
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


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps({"ours": ours, "peer": peer, "leaking": leaking}[options.worker](options)))
        return
    names = ("ours", "leaking") if options.attention else ("ours", "peer")
    ratios = []
    for number in range(options.rounds):
        found = {who: sides.run_side(who) for who in (names if number % 2 else names[::-1])}
        one, other = (found[name]["tokens"] for name in names)
        ratios.append(one / other)
        memory = found[names[0]]["memory_mb"] / found[names[1]]["memory_mb"]
        print(f"{names[0]} {one:,.0f}, {names[1]} {other:,.0f} tokens/s: {ratios[-1]:.2f}x; memory {memory:.2f}x", flush=True)  # fmt: skip
    shape = f"{options.layers} layers, width {options.width}, {options.vocabulary} tokens, {options.precision}"
    print(f"{shape}, rows of {options.length}: median {statistics.median(ratios):.2f}x over {options.rounds} rounds")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="", help="A text file.")
    parser.add_argument("--dialogues", default="", help="JSONL or Parquet with a column of turns.")
    parser.add_argument("--attention", action="store_true", help="Ours with and without separate documents.")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--rows", type=int, default=2000, help="Dialogues, or text in thousands of characters, to read."
    )
    parser.add_argument("--peer-dropout", type=float, default=0.0, help="GPT-2's own is 0.1.")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    sides.add_clock(parser)
    parser.add_argument("--worker", choices=("ours", "peer", "leaking"), help=argparse.SUPPRESS)
    return parser.parse_args()


def leaking(options: argparse.Namespace) -> dict[str, float]:
    """Ours, with documents that share a row seeing each other."""
    return ours(options, separate_documents=False)


def ours(options: argparse.Namespace, **more: Any) -> dict[str, float]:
    """Training as a user runs it, events and checkpoints included."""
    start(options)
    from plugins.gpt_prompting import PLUGIN
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings
    from training.fit.loop import fit
    from training.settings import parse_settings

    kind = PLUGIN.kind("pretrain")
    with tempfile.TemporaryDirectory() as folder:
        values = {
            **sources(options, Path(folder)), "eval_share": 0, "steps": options.steps, "batch_size": options.batch_size,
            "max_length": options.length, "precision": options.precision, "device": "cpu", "eval_every": 10**6,
            "layers": options.layers, "hidden_size": options.width, "heads": options.heads, "vocabulary_size": options.vocabulary,
            "learning_rate": 5e-4, **more,
        }  # fmt: skip
        settings = parse_settings(PretrainSettings, values)
        task: Any = kind.build(kind.read(settings), settings)
        times, tokens, losses = [], [], task.losses

        def timed(model: Any, batch: Any) -> Any:
            times.append(sides.CLOCKS[options.clock]())
            tokens.append(batch["input_ids"].numel())
            return losses(model, batch)

        task.losses = timed
        fit(task, settings, Path(folder))
    read = sum(tokens[WARM_UP:-1])
    return {"tokens": read / (times[-1] - times[WARM_UP]), "memory_mb": sides.peak_memory_mb()}


def peer(options: argparse.Namespace) -> dict[str, float]:
    """What the documentation of transformers teaches: texts joined and cut to one length, or dialogues padded; Trainer."""
    start(options)
    from datasets import Dataset, disable_progress_bars
    from transformers import (  # fmt: skip
        DataCollatorForSeq2Seq,
        GPT2Config,
        GPT2LMHeadModel,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from plugins.gpt_prompting.pretrain.bpe_tokenizer import train_tokenizer

    disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        rows, tokenizer = peer_rows(options, Path(folder), train_tokenizer)
        dropout = options.peer_dropout
        config = GPT2Config(
            vocab_size=len(tokenizer), n_positions=options.length, n_embd=options.width, n_layer=options.layers,
            n_head=options.heads, resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout, bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
        times: list[float] = []
        tokens: list[int] = []

        class Clock(TrainerCallback):
            def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
                times.append(sides.CLOCKS[options.clock]())

        def collate(some: list) -> Any:
            tokens.append(sum(len(row["input_ids"]) for row in some))
            return DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100)(some)

        arguments = TrainingArguments(
            output_dir=folder, max_steps=options.steps, per_device_train_batch_size=options.batch_size, use_cpu=True,
            bf16=options.precision == "bf16", report_to=[], disable_tqdm=True, save_strategy="no", logging_steps=10, seed=0,
        )  # fmt: skip
        Trainer(GPT2LMHeadModel(config), arguments, train_dataset=Dataset.from_list(rows), data_collator=collate, callbacks=[Clock()]).train()  # fmt: skip
    steps = len(times) - 1 - WARM_UP
    read = sum(tokens[WARM_UP : WARM_UP + steps])
    return {"tokens": read / (times[-1] - times[WARM_UP]), "memory_mb": sides.peak_memory_mb()}


def peer_rows(options: argparse.Namespace, folder: Path, train_tokenizer: Any) -> tuple[list[dict], Any]:
    """Rows of input_ids, attention_mask and labels."""
    from plugins.gpt_prompting.pretrain.dialogue_tables import read_dialogues
    from plugins.gpt_prompting.pretrain.dialogues import render_dialogue
    from training.data.table import read_table

    files = sources(options, folder)
    if options.dialogues:
        talks, _ = read_dialogues(read_table(Path(files["dialogue_data"])))
        tokenizer = train_tokenizer(["\n".join(f"{turn.role}: {turn.content}" for turn in talk) for talk in talks], options.vocabulary, options.length)  # fmt: skip
        rows = []
        for text, spans in (render_dialogue(talk, tokenizer) for talk in talks):
            found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=True, max_length=options.length)  # fmt: skip
            labels = [
                token if any(a < end and b > begin for begin, end in spans) else -100
                for token, (a, b) in zip(found["input_ids"], found["offset_mapping"], strict=True)
            ]
            rows.append({"input_ids": found["input_ids"], "attention_mask": found["attention_mask"], "labels": labels})
        return rows, tokenizer
    text = Path(files["data"]).read_text(encoding="utf-8")
    tokenizer = train_tokenizer([text], options.vocabulary, options.length)
    ids, length = tokenizer(text, verbose=False)["input_ids"], options.length
    cuts = [ids[start : start + length] for start in range(0, len(ids) - length, length)]
    return [{"input_ids": cut, "attention_mask": [1] * length, "labels": cut} for cut in cuts], tokenizer


def sources(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """The files of a setting, cut to `--rows`."""
    if options.dialogues:
        import pyarrow.parquet as pq

        if not options.dialogues.endswith(".parquet"):
            return {"dialogue_data": options.dialogues}
        pq.write_table(pq.read_table(options.dialogues).slice(0, options.rows), folder / "some.parquet")
        return {"dialogue_data": str(folder / "some.parquet")}
    text = Path(options.data).read_text(encoding="utf-8")[: options.rows * 1000]
    if options.attention:  # a document of every paragraph
        text = text.replace("\n\n", "\n<|endoftext|>\n")
    (folder / "some.txt").write_text(text, encoding="utf-8")
    return {"data": str(folder / "some.txt")}


def start(options: argparse.Namespace) -> None:
    import torch

    torch.set_num_threads(options.threads)


if __name__ == "__main__":
    main()
