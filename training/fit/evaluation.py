"""Scoring the held-out rows, shared among the processes, and judging whether the score is the best so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import gather_object, send_to_device, set_seed

from training.fit.batches import step_seed
from training.fit.checkpoint import Progress
from training.settings import TrainSettings
from training.task import Score, Task

if TYPE_CHECKING:
    from accelerate import Accelerator

EVALUATION_STEP = 2**31  # stands for the step in the seed: evaluations that draw noise draw the same each time


def score(task: Task, model: torch.nn.Module, accelerator: Accelerator, settings: TrainSettings) -> Score | None:
    """Score `task.eval_data`: each process predicts its share of the batches, the main one scores all rows.

    Returns:
        The score, or None in the other processes and where nothing is held out.
    """
    if not len(task.eval_data):
        return None
    rank, processes = accelerator.process_index, accelerator.num_processes
    seed = step_seed(settings.seed, EVALUATION_STEP, rank)
    set_seed(seed)
    rng = np.random.default_rng(seed)
    found: list = []
    with torch.no_grad(), accelerator.autocast():
        for rows in _chunks(task, settings)[rank::processes]:
            batch = send_to_device(
                task.collate([task.eval_data[row] for row in rows], rng, training=False), accelerator.device
            )
            found.extend(zip(rows, task.predict(model, batch), strict=True))
    found = gather_object(found) if processes > 1 else found
    if not accelerator.is_main_process:
        return None
    return task.score([output for _, output in sorted(found, key=lambda pair: pair[0])])


def _chunks(task: Task, settings: TrainSettings) -> list[list[int]]:
    """Row numbers by length, in batches of twice what a training step holds at once: no gradient is kept."""
    data, size = task.eval_data, 2 * max(1, settings.batch_size // settings.gradient_accumulation)
    lengths = task.row_lengths(data)
    order = list(range(len(data))) if lengths is None else sorted(range(len(data)), key=lengths.__getitem__)
    return [order[start : start + size] for start in range(0, len(order), size)]


def is_best(progress: Progress, task: Task, metrics: dict[str, float]) -> bool:
    """Whether to keep the weights: these metrics are the best so far by `task.metric`, or the task keeps its last.

    Counts the evaluations since the best. Any score beats NaN.
    """
    value = metrics[task.metric]
    better = progress.best is None or (value > progress.best if task.maximize else value < progress.best)
    progress.metrics = metrics
    progress.evaluations_without_improvement = 0 if better else progress.evaluations_without_improvement + 1
    if better:
        progress.best = None if math.isnan(value) else value
    if better or task.keep_last_weights:
        progress.best_step, progress.best_metrics = progress.step, metrics
    return better or task.keep_last_weights
