"""Write the tables of docs/scaling.md: what `training plan` says of GPT-2, BERT-large and a LoRA of Stable Diffusion.

python -m benchmarks.plan_tables               # two minutes on a laptop, since no network is made
python -m benchmarks.plan_tables --measured    # the plan beside the memory that two steps took here, in fp32
python -m benchmarks.plan_tables --checkpointing   # twelve layers with and without it: seconds and bytes
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks import gpu_check
from plugins._discovery import find
from plugins.diffusion_cfg import plan as diffusion
from plugins.diffusion_cfg.lora.task import UNET_LAYERS
from training.cli.plan import sketch_of
from training.fit.large_network import prepare_network
from training.fit.live_bytes import LiveBytes
from training.fit.optim import make_optimizer
from training.fit.trace import Sketch, trace
from training.preflight.machines import find_machine
from training.preflight.plan import memory, micro_batch, speed, spell_bytes
from training.settings import parse_settings

COLUMNS = (
    "parameters",
    "weights",
    "gradients",
    "optimiser",
    "activations",
    "checkpointed",
    "peak",
    "peak, checkpointed",
)
COLUMNS += ("peak, sharded over 8", "tokens or images a second, A100")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", action="store_true")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--only", default="", help="Rows whose title has these words.")
    options = parser.parse_args()
    if options.measured:
        print_measured(options.only)
    elif options.checkpointing:
        print_checkpointing()
    else:
        print_planned(options.only)


def print_planned(only: str) -> None:
    """What the plan says of known networks on an A100."""
    print("| network, rows at once | " + " | ".join(COLUMNS) + " |")
    print("|---|" + "---:|" * len(COLUMNS))
    for title, make, settings in networks():
        if only in title:
            print(f"| {title} | " + " | ".join(cells(make, settings)) + " |", flush=True)


def cells(make: Any, settings: Any) -> Iterator[str]:
    """The cells of a row."""
    one, eight = find_machine("A100-80GB"), find_machine("8xA100-80GB")
    together = settings.model_copy(update={"batch_size": 8 * settings.batch_size})
    plain, checkpointed = (
        trace(partial(make, chosen), chosen, micro_batch(chosen, one))
        for chosen in (settings, settings.model_copy(update={"gradient_checkpointing": True}))
    )
    needed = memory(plain, settings, one)
    yield f"{plain.parameters / 1e6:,.0f} M"
    for part in (needed.weights, needed.gradients, needed.optimizer, plain.activation_bytes):
        yield spell_bytes(part)
    yield spell_bytes(checkpointed.activation_bytes)
    yield spell_bytes(needed.peak)
    yield spell_bytes(memory(checkpointed, settings, one).peak)
    yield spell_bytes(memory(checkpointed, together.model_copy(update={"sharding": "full"}), eight).peak)
    yield f"{speed(plain, settings, one).tokens_a_second:,.0f}"


def networks() -> Iterator[tuple[str, Any, Any]]:
    """Title, sketch and settings of each row."""
    gpt, bert, lora = (find(plugin).kind(kind) for plugin, kind in KINDS)
    for size in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"):
        values = {"model": "scratch", "size": size, "max_length": 1024, "batch_size": 8, "precision": "bf16"}
        yield f"{size}, 8 x 1,024 tokens", sketch_of(gpt), parse_settings(gpt.trained_by, values).with_usual()
    values = {"model": "scratch", "size": "bert-large", "vocabulary_size": 30_522, "max_length": 512}
    settings = parse_settings(bert.trained_by, {**values, "batch_size": 8, "precision": "bf16"}).with_usual()
    yield "BERT-large, 8 x 512 tokens", sketch_of(bert), settings
    for dtype in ("fp32", "bf16"):
        values = {"model": "auto", "batch_size": 4, "precision": "bf16", "weights_dtype": dtype}
        settings = parse_settings(lora.trained_by, values).with_usual()
        yield f"LoRA of Stable Diffusion 1.5, weights in {dtype}, 4 x 512 pixels", stable_diffusion, settings


KINDS = (("gpt_prompting", "pretrain"), ("bert_finetune", "pretrain"), ("diffusion_cfg", "lora"))


def stable_diffusion(settings: Any) -> Sketch:
    """The U-Net of Stable Diffusion 1.5 (Rombach et al., 2022) with adapters, its text encoder frozen."""
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    text = CLIPTextModel(CLIPTextConfig(hidden_size=768, num_hidden_layers=1, num_attention_heads=12))

    def freeze(network: Any, _: Any) -> None:
        network.requires_grad_(False)
        network.add_adapter(LoraConfig(r=settings.lora_rank, target_modules=UNET_LAYERS))

    return diffusion.sketch(settings, unet, text, False, 8, freeze)


# -- measured ----------------------------------------------------------------------------------------------------------

WORDS = [
    "river",
    "house",
    "winter",
    "letter",
    "morning",
    "garden",
    "window",
    "road",
    "light",
    "summer",
    "table",
    "story",
]
WIDE = {"model": "scratch", "layers": 8, "heads": 8, "hidden_size": 512}
CASES: tuple[tuple[str, str, dict[str, Any]], ...] = (  # title, kind, settings
    ("GPT pretrain, 16 x 256 tokens", "gpt_prompting.pretrain", {**WIDE, "max_length": 256, "batch_size": 16}),
    ("GPT pretrain, 4 x 256", "gpt_prompting.pretrain", {**WIDE, "max_length": 256, "batch_size": 4}),
    ("BERT pretrain, 16 x 128", "bert_finetune.pretrain", {**WIDE, "max_length": 128, "batch_size": 16}),
    ("tag, 64 x 24", "bert_finetune.tag", {**WIDE, "max_length": 24, "batch_size": 64}),
    ("classify, 128 x 20", "bert_finetune.classify", {**WIDE, "max_length": 20, "batch_size": 128}),
    ("answer, 32 x 32", "bert_finetune.answer", {**WIDE, "max_length": 32, "batch_size": 32}),
    (
        "translate, 32 x 25 a side",
        "bert_finetune.translate",
        {**WIDE, "layers": 6, "decoder_layers": 6, "max_length": 25, "batch_size": 32},
    ),
    ("denoiser, 8 x 64 pixels", "diffusion_cfg.denoiser", {"size": "medium", "image_size": 64, "batch_size": 8}),
    (
        "autoencoder, 16 x 64 pixels",
        "diffusion_cfg.autoencoder",
        {"size": "medium", "image_size": 64, "batch_size": 16},
    ),
)
CHECKPOINTED = (
    "GPT pretrain, 16 x 256 tokens",
    "GPT pretrain, 4 x 256",
    "BERT pretrain, 16 x 128",
    "classify, 128 x 20",
)


def print_measured(only: str) -> None:
    """The plan beside two steps, each case in a process of its own."""
    gpu_check.import_all()
    print("| trainer, rows at once | plan, MB | measured, MB | |\n|---|---:|---:|---:|", flush=True)
    for title, name, values in CASES:
        for more in ({}, {"gradient_checkpointing": True}) if title in CHECKPOINTED else ({},):
            label = f"{title}, checkpointed" if more else title
            if only not in label:
                continue
            found = gpu_check.run_fork(partial(measured, name, {**values, **more}))
            planned, took = found or (0.0, 1.0)
            print(f"| {label} | {planned / 1e6:,.0f} | {took / 1e6:,.0f} | {planned / took - 1:+.0%} |", flush=True)


def measured(name: str, values: dict[str, Any]) -> tuple[float, float]:
    """Bytes planned and bytes taken by a process of its own, over two steps on rows of full length."""
    _, kind = gpu_check.kind_of(name)
    with tempfile.TemporaryDirectory() as folder:
        settings = full_rows(name, kind, values, Path(folder))
        data = kind.read(settings)
        steps(kind.build(data, settings), settings, 3)
        took = gpu_check.peak_bytes("cpu")
        return gpu_check.planned_bytes(kind, settings, data, "cpu"), took


def full_rows(name: str, kind: Any, values: dict[str, Any], folder: Path) -> Any:
    """Settings whose data are texts longer than the network reads; pictures are the sample's."""
    random, length = np.random.default_rng(0), values.get("max_length", 0)

    def words(count: int) -> str:
        return " ".join(random.choice(WORDS, count))

    made = {
        "bert_finetune.classify": ("csv", "text,label\n", lambda row: f"{words(length)},{'ab'[row % 2]}\n"),
        "bert_finetune.tag": ("conll", "", lambda row: "river B-x\n" + "house O\n" * (length - 3) + "\n"),
        "bert_finetune.answer": ("csv", "question,context,answer\n", lambda row: f"who ?,{words(length)} end,end\n"),
        "bert_finetune.translate": ("csv", "a,b\n", lambda row: f"{words(length)},{words(length)}\n"),
        "bert_finetune.pretrain": ("txt", "", lambda row: f"{words(12)}.\n" * 30 + "\n"),
        "gpt_prompting.pretrain": ("txt", "", lambda row: f"{words(3 * length)}\n"),
    }
    common = {"precision": "fp32", "device": "cpu", "dropout": 0.1, "ema_decay": 0.0, "seed": 1}
    given: dict[str, Any] = {"data": kind.samples[0].value, **common, **values}
    if name in made:
        ending, head, line = made[name]
        path = folder / f"data.{ending}"
        path.write_text(head + "".join(line(row) for row in range(400)))
        given["data"] = str(path)
    known = {key: value for key, value in given.items() if key in kind.trained_by.model_fields}
    return parse_settings(kind.trained_by, kind.with_sample(known)).with_usual()


def steps(task: Any, settings: Any, count: int) -> list[float]:
    """Seconds of the processor of each of so many steps of training."""
    prepare_network(task.model.train(), settings)
    optimizer, rng = make_optimizer(task, settings), np.random.default_rng(0)
    seconds = []
    for step in range(count):
        started = time.process_time()
        rows = np.arange(step * settings.batch_size, (step + 1) * settings.batch_size) % len(task.train_data)
        losses = task.losses(task.model, task.collate([task.train_data[int(row)] for row in rows], rng, training=True))
        losses.mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.process_time() - started)
    return seconds


def print_checkpointing() -> None:
    """A network of twelve layers with and without gradient checkpointing."""
    gpu_check.import_all()
    print("| | activations, MB | process, MB | seconds of the processor a step |\n|---|---:|---:|---:|", flush=True)
    for on in (False, True):
        alive, process, seconds = gpu_check.run_fork(partial(twelve_layers, on))
        title = "gradient checkpointing" if on else "without"
        print(f"| {title} | {alive / 1e6:,.0f} | {process / 1e6:,.0f} | {seconds:.2f} |", flush=True)


def twelve_layers(on: bool) -> tuple[float, float, float]:
    """Bytes alive after a forward pass, bytes of the process, seconds of the processor of a step."""
    name = "gpt_prompting.pretrain"
    _, kind = gpu_check.kind_of(name)
    values = {**WIDE, "layers": 12, "max_length": 256, "batch_size": 8, "gradient_checkpointing": on}
    with tempfile.TemporaryDirectory() as folder:
        settings = full_rows(name, kind, values, Path(folder))
        task = gpu_check.task_of(kind, kind.read(settings), settings)
        seconds = statistics.median(steps(task, settings, 6)[1:])
        process = gpu_check.peak_bytes("cpu")
        rng, model, rows = np.random.default_rng(0), task.model, cast(Sequence, task.train_data)
        batch = task.collate([rows[row] for row in range(settings.batch_size)], rng, training=True)
        with LiveBytes([*model.parameters(), *model.buffers()]) as live:
            losses = task.losses(model, batch)
            alive = live.now
        return alive, process, seconds + 0 * float(losses.sum())


if __name__ == "__main__":
    main()
