"""The scripts that the documentation of transformers teaches for three tasks: rows, collator and head for its plain `Trainer`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

IGNORED = -100


def train(
    task: str, model: str, data: Path, labels: list[str], settings: dict[str, Any], tick: Callable[[], None]
) -> Any:
    """Train the peer's way and give the network back.

    Args:
        labels: Names in the order of their numbers; empty for `answer`.
        settings: steps, batch_size, learning_rate, warmup_ratio, weight_decay, max_length, stride, bf16, seed.
        tick: Called as each step begins.
    """
    from datasets import Dataset, disable_progress_bars
    from transformers import AutoTokenizer, Trainer, TrainerCallback, TrainingArguments, set_seed

    disable_progress_bars()
    set_seed(settings["seed"])
    tokenizer = AutoTokenizer.from_pretrained(model)
    network, collator = _network(task, model, labels, tokenizer)
    rows = {"classify": _texts, "tag": _words, "answer": _windows}[task](data, tokenizer, labels, settings)

    class Clock(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            tick()

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=settings["steps"], per_device_train_batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"], warmup_steps=round(settings["warmup_ratio"] * settings["steps"]),
            weight_decay=settings["weight_decay"], bf16=settings["bf16"], seed=settings["seed"], use_cpu=True, report_to=[],
            disable_tqdm=True, save_strategy="no", logging_steps=10,
        )  # fmt: skip
        Trainer(
            network, arguments, train_dataset=Dataset.from_list(list(rows)), data_collator=collator, callbacks=[Clock()]
        ).train()
    return network


def _network(task: str, model: str, labels: list[str], tokenizer: Any) -> tuple[Any, Any]:
    from transformers import (
        AutoModelForQuestionAnswering,
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        DataCollatorForTokenClassification,
        DataCollatorWithPadding,
    )

    if task == "answer":
        return AutoModelForQuestionAnswering.from_pretrained(model), DataCollatorWithPadding(tokenizer)
    kind = AutoModelForTokenClassification if task == "tag" else AutoModelForSequenceClassification
    collator = (DataCollatorForTokenClassification if task == "tag" else DataCollatorWithPadding)(tokenizer)
    return kind.from_pretrained(model, num_labels=len(labels)), collator


def _texts(data: Path, tokenizer: Any, labels: list[str], settings: dict[str, Any]) -> Iterator[dict]:
    import pandas

    frame = pandas.read_csv(data, sep="\t", quoting=3, dtype=str)
    for text, label in zip(frame["sentence"], frame["label"], strict=True):
        yield {**tokenizer(text, truncation=True, max_length=settings["max_length"]), "label": labels.index(label)}


def _words(data: Path, tokenizer: Any, labels: list[str], settings: dict[str, Any]) -> Iterator[dict]:
    for block in data.read_text(encoding="utf-8").split("\n\n"):
        lines = [line.split("\t") for line in block.splitlines() if line.strip()]
        if not lines:
            continue
        row = tokenizer(
            [line[0] for line in lines], is_split_into_words=True, truncation=True, max_length=settings["max_length"]
        )
        owners = row.word_ids()
        firsts = [owner is not None and owner != before for before, owner in zip([None, *owners], owners, strict=False)]
        tags = [
            labels.index(lines[owner][1]) if first else IGNORED for owner, first in zip(owners, firsts, strict=True)
        ]
        yield {**row, "labels": tags}


def _windows(data: Path, tokenizer: Any, labels: list[str], settings: dict[str, Any]) -> Iterator[dict]:
    paragraphs = [each for article in json.loads(data.read_text())["data"] for each in article["paragraphs"]]
    for paragraph in paragraphs:
        for asked in paragraph["qas"]:
            start = asked["answers"][0]["answer_start"]
            end = start + len(asked["answers"][0]["text"])
            found = tokenizer(
                asked["question"], paragraph["context"], truncation="only_second", max_length=settings["max_length"], stride=settings["stride"],
                return_overflowing_tokens=True, return_offsets_mapping=True,
            )  # fmt: skip
            for number, offsets in enumerate(found["offset_mapping"]):
                part = [place for place, owner in enumerate(found.sequence_ids(number)) if owner == 1]
                inside = offsets[part[0]][0] <= start and end <= offsets[part[-1]][1]
                first = next(place for place in part if offsets[place][1] > start) if inside else 0
                last = next(place for place in reversed(part) if offsets[place][0] < end) if inside else 0
                row = {name: found[name][number] for name in ("input_ids", "token_type_ids", "attention_mask")}
                yield {**row, "start_positions": first, "end_positions": last}
