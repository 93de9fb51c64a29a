"""One check of everything that a GPU changes, for the day that one is there: under eight minutes on one card.

    python -m benchmarks.gpu_check                       # the card; exit code 1 if something does not hold
    python -m benchmarks.gpu_check --device cpu --quick  # what can be tried without one: tiny networks, six steps
    python -m benchmarks.gpu_check --only gpt_prompting.pretrain --only ae_anomaly.fit

Each trainer, in fp32 and in bf16, on sample data: memory at most beside what `training plan` says, rows a second beside
a bare loop of PyTorch over the same network and batches, a run that is resumed halfway beside the unbroken one, and a
prediction of the weights that were saved. Each pair has a process of its own, forked from one that has imported all, so
that the peak is its own. What the time does not suffice for is listed as not run.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import importlib
import json
import math
import multiprocessing
import resource
import shutil
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from plugins._contract import Kind, Plugin
from plugins._discovery import find
from training.task import Task

SECONDS = 450.0  # for all
PRECISIONS = ("fp32", "bf16")
MEMORY_TOLERANCE = 0.15
RATE_SHARE = 0.85  # of the bare loop's rows a second
# Of a resumed run.
LOSS_TOLERANCE = {"cpu": {"fp32": 0.0, "bf16": 0.0}, "cuda": {"fp32": 1e-3, "bf16": 2e-2}}
STEPS, QUICK_STEPS = 60, 6
WARM_UP = 0.4  # share of the steps that are not timed
COLUMNS = ("trainer", "precision", "memory, MB", "plan, MB", "", "rows a second", "bare loop", "resumed", "prediction")
ANSWERS: dict[str, Callable[[Any, Path, Path], Any]] = {  # kind -> a call of what `load` gives; training file, folder
    "bert_finetune.pretrain": lambda model, data, folder: model.fill_mask("the [MASK] of oz"),
    "bert_finetune.classify": lambda model, data, folder: model.classify("how do i get home"),
    "bert_finetune.encode": lambda model, data, folder: model.embed("how do i get home"),
    "bert_finetune.tag": lambda model, data, folder: model.tag("wake me at nine"),
    "bert_finetune.answer": lambda model, data, folder: model.answer("who was there?", "anna was there"),
    "bert_finetune.translate": lambda model, data, folder: model.translate("3 may 2020"),
    "gpt_prompting.pretrain": lambda model, data, folder: [*model.generate("It is a truth", seed=1)][-1]["answers"],
    "ae_anomaly.fit": lambda model, data, folder: model.score_file(data),
    "denoising_ae.tables": lambda model, data, folder: model.denoise_table(data),
    "denoising_ae.images": lambda model, data, folder: model.denoise(picture(folder)),
    "diffusion_cfg.denoiser": lambda model, data, folder: model.generate("a face", steps=4),
    "diffusion_cfg.lora": lambda model, data, folder: model.generate("a face", steps=2),
}
TINY = {"layers": 2, "heads": 2, "hidden_size": 32, "vocabulary_size": 400, "max_length": 32, "batch_size": 4}
WIDE = {"layers": 12, "heads": 12, "hidden_size": 768}
SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # kind -> settings of the check, and of a quick one
    "bert_finetune.pretrain": ({"size": "bert-base", "batch_size": 64, "max_length": 128}, TINY),
    "bert_finetune.classify": ({**WIDE, "batch_size": 64, "max_length": 128}, TINY),
    "bert_finetune.encode": (  # without dropout the two vectors of a sentence are one
        {**WIDE, "batch_size": 64, "max_length": 64, "dropout": 0.1},
        {**TINY, "dropout": 0.1},
    ),
    "bert_finetune.tag": ({**WIDE, "batch_size": 64, "max_length": 128}, TINY),
    "bert_finetune.answer": ({**WIDE, "batch_size": 32, "max_length": 256}, {**TINY, "max_length": 64}),
    "bert_finetune.translate": (
        {**WIDE, "decoder_layers": 6, "batch_size": 64, "max_length": 64, "beams": 1},
        {**TINY, "decoder_layers": 2, "beams": 1},
    ),
    "gpt_prompting.pretrain": ({"size": "gpt2", "max_length": 512, "batch_size": 16}, TINY),
    "ae_anomaly.fit": ({"batch_size": 1024}, {"batch_size": 64, "size": "fast"}),
    "denoising_ae.tables": ({"size": "large", "batch_size": 1024}, {"size": "small", "batch_size": 64}),
    "denoising_ae.images": ({"size": "large", "batch_size": 32}, {"batch_size": 2, "patch_size": 32}),
    "diffusion_cfg.denoiser": (
        {"size": "medium", "image_size": 64, "batch_size": 32},
        {"size": "tiny", "image_size": 16, "batch_size": 4},
    ),
    "diffusion_cfg.autoencoder": (
        {"size": "medium", "image_size": 128, "batch_size": 16},
        {"size": "small", "image_size": 16, "batch_size": 4},
    ),
    "diffusion_cfg.lora": ({"image_size": 8, "batch_size": 4}, {"image_size": 8, "batch_size": 4}),
}
COMMON: dict[str, Any] = {"model": "scratch", "eval_rows": 64, "eval_images": 8, "preview_steps": 1, "dropout": 0.0}


@dataclass
class Outcome:
    """What one trainer in one precision came to.

    Args:
        memory, planned: Bytes at most; `planned` is 0 for a kind without a plan.
        rate, bare: Rows a second, of the training loop and of a bare loop.
        difference: Largest relative difference of the losses of a resumed run; NaN before it was tried.
        prediction: "same" where two loads of the saved weights answer the same.
        error: What went wrong; the other values are of before.
    """

    trainer: str
    precision: str
    memory: float = 0.0
    planned: float = 0.0
    rate: float = 0.0
    bare: float = 0.0
    difference: float = math.nan
    prediction: str = ""
    error: str = ""
    notes: list[str] = field(default_factory=list)

    def complaints(self, device: str, quick: bool) -> Iterator[str]:
        """What does not hold. Of a quick check speed and memory say nothing: its networks are too small."""
        if self.error:
            yield self.error
            return
        if not self.difference <= LOSS_TOLERANCE[device][self.precision]:
            yield f"resumed, the losses differ by {self.difference:.1e}"
        if self.prediction not in ("same", "none"):
            yield f"prediction: {self.prediction}"
        if quick:
            return
        if self.planned and abs(self.planned / self.memory - 1) > MEMORY_TOLERANCE:
            yield f"the plan says {self.planned / self.memory - 1:+.0%} memory"
        if self.rate < RATE_SHARE * self.bare:
            yield f"{self.rate / self.bare:.0%} of the bare loop's speed"

    def cells(self) -> Iterator[str]:
        """A row of the table."""
        yield from (self.trainer, self.precision)
        yield f"{self.memory / 1e6:,.0f}"
        yield f"{self.planned / 1e6:,.0f}" if self.planned else "–"
        yield f"{self.planned / self.memory - 1:+.0%}" if self.planned and self.memory else ""
        yield from (f"{self.rate:,.0f}", f"{self.bare:,.0f}")
        yield "–" if math.isnan(self.difference) else "equal" if not self.difference else f"{self.difference:.0e}"
        yield self.error or self.prediction


def main(arguments: list[str] | None = None) -> int:
    """Check every trainer, print the table and what does not hold; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="Tiny networks and six steps.")
    parser.add_argument("--only", action="append", default=[], metavar="PLUGIN.KIND", choices=list(SIZES))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="After which no further check starts.")
    options = parser.parse_args(arguments)
    import_all()
    print(f"{describe(options.device)}\n\n| {' | '.join(COLUMNS)} |\n|---|---|{'---:|' * 5}---|---|", flush=True)
    began, failed, late = time.monotonic(), [], []
    pairs = [(name, precision) for precision in PRECISIONS for name in options.only or SIZES]
    for name, precision in pairs:
        if time.monotonic() - began > options.seconds:
            late.append(f"{name} {precision}")
            continue
        outcome = in_fork(name, precision, options.device, options.quick)
        print(f"| {' | '.join(outcome.cells())} |", flush=True)
        failed += [f"{name} {precision}: {each}" for each in outcome.complaints(options.device, options.quick)]
    seconds = time.monotonic() - began
    print(f"\n{len(pairs) - len(late)} checks in {seconds:,.0f} seconds; not run: {', '.join(late) or 'none'}")
    print("\n".join(["What does not hold:", *failed]) if failed else "All of it holds.")
    return int(bool(failed or late))


def describe(device: str) -> str:
    """Device and versions, for whoever reads the table later."""
    import torch

    versions = f"torch {torch.__version__}, Python {sys.version.split()[0]}"
    if device == "cpu":
        return f"CPU, {torch.get_num_threads()} threads; {versions}"
    done = run_fork(_card_name)
    if done is None:
        sys.exit("There is no GPU that torch can use: `python -c 'import torch; torch.cuda.init()'` says why.")
    return f"{done}; {versions}, CUDA {torch.version.cuda}"


def _card_name() -> str:
    import torch

    properties = torch.cuda.get_device_properties(0)
    return f"{properties.name}, {properties.total_memory / 2**30:.0f} GB"


def import_all() -> None:
    """Import what training needs, once: the checks are forks. Nothing here may start CUDA."""
    for name in SIZES:
        importlib.import_module(f"{kind_of(name)[1].module}.task")
    for module in ("training.fit.loop", "training.fit.trace", "training.artifact.lineage", "training.cli.plan"):
        importlib.import_module(module)


def kind_of(name: str) -> tuple[Plugin, Kind]:
    """The plugin and the kind of PLUGIN.KIND."""
    plugin = find(name.split(".")[0])
    return plugin, plugin.kind(name.split(".")[1])


def in_fork(name: str, precision: str, device: str, quick: bool) -> Outcome:
    """The outcome of a check that has a process of its own."""
    values = run_fork(functools.partial(_checked, name, precision, device, quick))
    return Outcome(**values) if values else Outcome(name, precision, error="the process was killed")


def run_fork(work: Callable[[], Any]) -> Any:
    """What `work` returns in a fork of this process; None if it ended without."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(work, theirs))
    process.start()
    theirs.close()
    try:
        return mine.recv()
    except EOFError:
        return None
    finally:
        process.join()


def _send(work: Callable[[], Any], pipe: Any) -> None:
    try:
        pipe.send(work())
    except Exception:
        traceback.print_exc()


def _checked(name: str, precision: str, device: str, quick: bool) -> dict[str, Any]:
    outcome = Outcome(name, precision)
    folder = Path(tempfile.mkdtemp(prefix="gpu-check-"))
    try:
        check(outcome, folder, device, quick)
    except Exception as error:  # any trainer's code: the table goes on with the others
        traceback.print_exc()
        outcome.error = f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return asdict(outcome)


# -- one trainer in one precision --------------------------------------------------------------------------------------


def check(outcome: Outcome, folder: Path, device: str, quick: bool) -> None:
    """Fill in the outcome, in the order in which a failure hurts least: memory first, since it is of the process."""
    from training.artifact.lineage import describe_run
    from training.fit.loop import fit

    plugin, kind = kind_of(outcome.trainer)
    settings = settings_of(outcome.trainer, kind, outcome.precision, device, quick, folder)
    data = kind.read(settings)
    about = describe_run("gpu-check", plugin, kind, settings, None)
    whole, half = folder / "whole", folder / "half"
    for each in (whole, half):
        each.mkdir()
    fit(task_of(kind, data, settings), settings, whole, about)
    outcome.memory = peak_bytes(device)
    outcome.planned = planned_bytes(kind, settings, data, device)
    outcome.rate = rate_of(whole)
    middle = settings.steps // 2
    shutil.copytree(whole / "checkpoint" / f"step-{middle:09d}", half / "checkpoint" / f"step-{middle:09d}")
    fit(task_of(kind, data, settings), settings, half, about)
    outcome.difference = difference(losses(whole), losses(half), middle)
    outcome.bare = bare_rate(kind.build(data, settings), settings, device)
    outcome.prediction = prediction(outcome.trainer, kind, whole / "artifact", Path(settings.data), folder)


def settings_of(name: str, kind: Kind, precision: str, device: str, quick: bool, folder: Path) -> Any:
    """Settings of a check: sample data, a new network, a checkpoint in the middle."""
    from training.settings import parse_settings

    steps = QUICK_STEPS if quick else STEPS
    given = {**COMMON, **SIZES[name][quick], "steps": steps, "checkpoint_every": steps // 2, "keep_checkpoints": 9}
    given |= {"precision": precision, "eval_every": steps, "device": "cpu" if device == "cpu" else "auto"}
    if name == "diffusion_cfg.lora":
        given["model"] = str(random_pipeline(folder))
    known = {key: value for key, value in given.items() if key in kind.trained_by.model_fields}
    return parse_settings(kind.trained_by, kind.with_sample({"data": kind.samples[0].value, **known})).with_usual()


def task_of(kind: Kind, data: Any, settings: Any) -> Task:
    """The task of a kind that fits one network."""
    task = kind.build(data, settings)
    assert isinstance(task, Task), f"{kind.name} fits several networks"
    return task


def random_pipeline(folder: Path) -> Path:
    """A pipeline like Stable Diffusion, of random weights and 8 x 8 pixels: no download is needed."""
    from tests.tiny_diffusion import tiny_pipeline

    tiny_pipeline().save_pretrained(folder / "pipeline")
    return folder / "pipeline"


def planned_bytes(kind: Kind, settings: Any, data: Any, device: str) -> float:
    """What `training plan` says of this run's memory; 0 for a kind without a plan."""
    from training.cli.plan import sketch_of
    from training.fit.trace import trace
    from training.preflight.machines import THIS, find_machine
    from training.preflight.plan import memory, micro_batch

    sketch = sketch_of(kind)
    if sketch is None:
        return 0.0
    task = kind.build(data, settings)
    vocabulary = len(getattr(task, "tokenizer", ())) or settings.value("vocabulary_size", 0)
    settings = settings.model_copy(update={"vocabulary_size": vocabulary} if vocabulary else {})
    machine = find_machine(THIS)
    assert machine.is_gpu == (device == "cuda"), "the plan is made for another device than the run"
    traced = trace(functools.partial(sketch, settings), settings, micro_batch(settings, machine))
    return memory(traced, settings, machine).peak


def peak_bytes(device: str) -> float:
    """The most that this process has held: of the card, its context included; on a CPU its resident memory."""
    import torch

    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    free, total = torch.cuda.mem_get_info()
    return total - free - torch.cuda.memory_reserved() + torch.cuda.max_memory_allocated()


def rate_of(folder: Path) -> float:
    """Rows a second of the training loop, of its later part."""
    rates = [event["rate"] for event in step_events(folder)]
    return statistics.median(rates[int(WARM_UP * len(rates)) :])


def losses(folder: Path) -> dict[int, float]:
    """Step -> loss."""
    return {event["step"]: event["loss"] for event in step_events(folder)}


def step_events(folder: Path) -> list[dict]:
    """The events of steps."""
    from training.events import read_events

    return [event for event in read_events(folder / "events.jsonl")[0] if event["event"] == "step"]


def difference(whole: dict[int, float], half: dict[int, float], middle: int) -> float:
    """The largest relative difference of losses after the middle.

    Raises:
        AssertionError: If the resumed run has other steps than the second half.
    """
    after = {step: loss for step, loss in whole.items() if step > middle}
    assert after.keys() == half.keys(), f"it went on at step {min(half, default=0)} and not at {middle + 1}"
    return max(abs(half[step] - loss) / max(abs(loss), 1e-9) for step, loss in after.items())


def bare_rate(task: Any, settings: Any, device: str) -> float:
    """Rows a second of a loop that only makes batches, computes the loss and updates."""
    import numpy as np
    import torch
    from accelerate.utils import send_to_device

    from training.fit.batches import BatchSampler
    from training.fit.optim import make_optimizer

    gc.collect()
    model = task.model.to(device).train()
    optimizer = make_optimizer(task, settings)
    batches = BatchSampler(len(task.train_data), settings.batch_size, settings.seed)
    rng = np.random.default_rng(0)
    dtype = {"bf16": torch.bfloat16}.get(settings.precision)
    warm, started, rows = int(WARM_UP * settings.steps), 0.0, 0
    for step in range(settings.steps):
        if step == warm:
            synchronize(device)
            started, rows = time.perf_counter(), 0
        batch = task.collate([task.train_data[int(row)] for row in batches[step]], rng, training=True)
        with torch.autocast(device, dtype=dtype) if dtype else contextlib.nullcontext():
            losses = task.losses(model, send_to_device(batch, device))
        losses.float().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        rows += len(batches[step])
    synchronize(device)
    return rows / (time.perf_counter() - started)


def synchronize(device: str) -> None:
    """Wait for the card."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def prediction(name: str, kind: Kind, artifact: Path, data: Path, folder: Path) -> str:
    """Whether the saved weights, loaded twice, answer the same: "same", "none" for a kind that answers nothing."""
    call = ANSWERS.get(name)
    answers = [plain(call(kind.load(artifact), data, folder)) if call else kind.load(artifact) and "" for _ in range(2)]
    return "none" if call is None else "same" if answers[0] == answers[1] else "two loads give two answers"


def plain(answer: Any) -> Any:
    """A file as its bytes, anything else as JSON has it."""
    if isinstance(answer, Path):
        return answer.read_bytes()
    if isinstance(answer, list) and any(isinstance(each, Path) for each in answer):
        return [plain(each) for each in answer]
    return json.dumps(answer)


def picture(folder: Path) -> Path:
    """A noisy picture."""
    import numpy as np
    from PIL import Image

    path = folder / "noisy.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    return path


if __name__ == "__main__":
    sys.exit(main())
