"""The measured half of the preflight sheet: real steps of the real model, for time, memory and disk."""

from __future__ import annotations

import contextlib
import logging
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import psutil
import torch
from accelerate.utils import send_to_device

from training.errors import UserError
from training.fit.batches import BatchSampler, check_whole_batch, micro_batches, padded_lengths
from training.fit.experiment import Experiment
from training.fit.explain_failure import explain
from training.fit.large_network import bf16_findings, prepare_network
from training.fit.optim import make_optimizer
from training.home import home
from training.preflight.auto import preset_steps
from training.preflight.limits import Limits
from training.preflight.precision import slow_precision
from training.preflight.sheet import Finding, Sheet
from training.settings import RunSettings, TrainSettings
from training.task import RowStream, Task
from training.threads import threads_per_process
from training.wording import spell_seconds

logger = logging.getLogger(__name__)

TRIAL_STEPS = 2
COPIES = 3  # of the weights in a checkpoint: themselves and AdamW's two moments


def full_sheet(sheet: Sheet, build: Callable[[], Task | Experiment], settings: RunSettings) -> Sheet:
    """Add to a sheet what only the built task can tell; with a red row nothing is built."""
    settings = settings.with_usual()
    if isinstance(settings, TrainSettings):
        sheet = sheet.with_findings(slow_precision(settings, _device(settings)))
    if sheet.blocked:  # or the trial steps would take minutes
        return sheet
    try:
        task = build()
        findings = task.findings()
        if isinstance(settings, TrainSettings) and not isinstance(task, Experiment):
            measured = measure(task, settings)
            findings = [*findings, *measured.findings, disk_needed(task, settings)]
            sheet = replace(sheet, presets=measured.presets(settings, sheet.decided.get("steps", {}).get("quick", 0)))
    except UserError as error:
        findings = [Finding("red", "The model cannot be built", str(error))]
    except Exception as error:  # a plugin's code and the machine's limits meet here; both belong on the sheet
        logger.exception("A trial step failed.")
        findings = [Finding("red", "A trial step failed", explain(error, settings))]
    return sheet.with_findings(findings)


@dataclass(frozen=True)
class Measurement:
    """What the trial steps showed: the seconds of a step, and those of all evaluations of a run."""

    seconds_per_step: float
    evaluation_seconds: float
    findings: tuple[Finding, ...]

    def presets(self, settings: TrainSettings, quick: int = 0) -> dict[str, dict[str, float]]:
        """Name -> steps and seconds; `quick` as of `Choice`."""
        steps = preset_steps(settings.steps, Limits(), quick)
        return {
            name: {"steps": count, "seconds": round(count * self.seconds_per_step + self.evaluation_seconds, 1)}
            for name, count in steps.items()
        }


def measure(task: Task, settings: TrainSettings) -> Measurement:
    """Time and memory of two optimiser steps and one evaluation batch; the weights are thrown away afterwards.

    Of several processes the share of one is tried, on a CPU with the threads that it will have.
    """
    settings = settings.with_usual()
    device = _device(settings)
    with _threads_of_one(settings.processes):
        return _measured(task, settings, device)


def _measured(task: Task, settings: TrainSettings, device: str) -> Measurement:
    check_whole_batch(task, settings)
    prepare_network(task.model, settings)
    model, before = task.model.to(device).train(), _memory(device)
    optimizer = make_optimizer(task, settings)
    rows = _rows_to_try(task, settings)
    trials, lengths = _trial_rows(task, settings, rows), padded_lengths(task, rows)
    step = partial(_step, task, model, optimizer, rows, lengths, settings, device)
    seconds = [_timed(partial(step, rows)) for rows in trials][1:]
    per_step, evaluating = statistics.median(seconds), 0.0
    if len(task.eval_data):
        size = min(len(task.eval_data), 2 * settings.batch_size)
        evaluations = max(1, settings.steps // settings.evaluation_interval)
        batches = len(task.eval_data) / size * evaluations / settings.processes
        evaluating = _timed(lambda: _evaluate(task, model, size, device)) * batches
    total = per_step * settings.steps + evaluating
    parameters = sum(p.numel() for p in model.parameters())
    found = [
        Finding(
            "green",
            f"{parameters:,} parameters on {device}; about {spell_seconds(total)} for {settings.steps:,} steps",
            f"{settings.batch_size / per_step:.0f} rows a second, measured on {TRIAL_STEPS} steps.",
        )
    ]
    if settings.time_limit and total > settings.time_limit:
        found.append(
            Finding(
                "amber",
                f"The time limit of {spell_seconds(settings.time_limit)} comes first",
                "The best weights until then are kept.",
            )
        )
    found += bf16_findings(model, settings)
    shared, used = _bytes_of_others(model, settings), _memory(device)
    found.append(_memory_finding(used - before - shared, used - shared, device, settings.processes))
    return Measurement(per_step, evaluating, tuple(found))


@contextlib.contextmanager
def _threads_of_one(processes: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if processes > 1:
        torch.set_num_threads(threads_per_process(processes))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device(settings: TrainSettings) -> str:
    return "cuda" if settings.device == "auto" and torch.cuda.is_available() else "cpu"


def _rows_to_try(task: Task, settings: TrainSettings) -> Sequence:
    """The training rows; of a stream as many as the trial batches have."""
    if not isinstance(task.train_data, RowStream):
        return task.train_data
    return task.train_data.first_rows((TRIAL_STEPS + 1) * settings.batch_size)


def _trial_rows(task: Task, settings: TrainSettings, data: Sequence) -> list[np.ndarray]:
    """Row numbers of the trial batches: the longest rows, to measure memory, then the run's first, to measure time."""
    count, size = len(data), settings.batch_size
    lengths = task.row_lengths(data)
    order = np.arange(count) if lengths is None else np.argsort(lengths, kind="stable")
    batches = BatchSampler(count, size, settings.seed)
    return [np.resize(order[-size:], size), *[batches[step] for step in range(TRIAL_STEPS)]]


def _step(
    task: Task,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Sequence,
    lengths: np.ndarray | None,
    settings: TrainSettings,
    device: str,
    batch_rows: np.ndarray,
) -> None:
    rng = np.random.default_rng(settings.seed)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(settings.precision)
    for rows in micro_batches(batch_rows, 0, settings.processes, settings.gradient_accumulation, lengths, device):
        batch = send_to_device(task.collate([data[int(row)] for row in rows], rng, training=True), device)
        with torch.autocast(device, dtype=dtype, enabled=dtype is not None):
            losses = task.losses(model, batch)
        losses.float().mean().backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _evaluate(task: Task, model: Any, rows: int, device: str) -> None:
    with torch.no_grad():
        task.predict(model, send_to_device(task.evaluation_batch([task.eval_data[row] for row in range(rows)]), device))


def _bytes_of_others(model: torch.nn.Module, settings: TrainSettings) -> int:
    """Bytes of weights, gradients and optimiser that other processes of a sharded run will hold instead of this one."""
    if settings.value("sharding") != "full":
        return 0
    weights = list(model.parameters())
    state = sum(each.numel() * each.element_size() * (COPIES + 1 if each.requires_grad else 1) for each in weights)
    return state - state // settings.processes


def _memory_finding(used: int, total: int, device: str, processes: int) -> Finding:
    """Bytes of one process in all, and what the steps added. On a CPU all processes share the machine's memory."""
    room = (
        torch.cuda.get_device_properties(0).total_memory
        if device == "cuda"
        else psutil.virtual_memory().available + total
    )
    used, total = (each * (1 if device == "cuda" else processes) for each in (used, total))
    level = "red" if total > room else "amber" if total > 0.8 * room else "green"
    advice = "Halve batch_size, or double gradient_accumulation for the same result." if level != "green" else ""
    return Finding(
        level,
        f"{total / 2**30:.1f} GB of memory, of which the steps took {max(0, used) / 2**30:.1f}; the machine has "
        f"{room / 2**30:.1f} GB",
        advice,
    )


def disk_needed(task: Task, settings: TrainSettings) -> Finding:
    """What checkpoints and artifact will take, against what is free."""
    weights = sum(p.numel() * p.element_size() for p in task.model.parameters())
    trained = sum(p.numel() * p.element_size() for p in task.model.parameters() if p.requires_grad)
    checkpoint = weights + (COPIES - 1) * trained + (weights if settings.ema_decay else 0)
    needed = checkpoint * (settings.keep_checkpoints + 1) + 2 * weights
    place = home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    level = "red" if needed > free else "amber" if needed > free / 2 else "green"
    return Finding(
        level,
        f"{needed / 2**20:,.0f} MB of disk at most, {free / 2**30:,.1f} GB are free",
        "Delete old runs or lower keep_checkpoints." if level != "green" else "",
    )


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _memory(device: str) -> int:
    """Peak bytes so far, of the GPU or of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
