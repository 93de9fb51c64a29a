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


def score(
    task: Task, model: torch.nn.Module, accelerator: Accelerator, settings: TrainSettings, together: bool = False
) -> Score | None:
    """Score `task.eval_data`: each process predicts its share of the batches, the main one scores all rows.

    Args:
        together: Whether every process has to predict as many batches as the others, since they share the weights.

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
        for rows, is_own in _share(_chunks(task, settings), rank, processes, together):
            batch = send_to_device(
                task.collate([task.eval_data[row] for row in rows], rng, training=False), accelerator.device
            )
            predicted = task.predict(model, batch)
            found.extend(zip(rows, predicted, strict=True) if is_own else ())
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


def _share(chunks: list, rank: int, processes: int, together: bool) -> list[tuple[list[int], bool]]:
    """This process's batches, and whether they count; those that only keep the others company do not."""
    own = [(rows, True) for rows in chunks[rank::processes]]
    missing = math.ceil(len(chunks) / processes) - len(own) if together else 0
    return own + [(chunks[0], False)] * missing


def is_best(progress: Progress, task: Task, metrics: dict[str, float]) -> bool:
    """Whether the weights are to be kept: they score best so far by `task.metric`, or the task keeps its last ones.

    A tie is decided by the loss: a metric that does not move yet (F1 of a rare class, BLEU of the first steps) says
    nothing about which weights are better. Where no loss is measured, the weights trained longer are kept.
    Counts the evaluations since the last gain. Any score beats NaN.
    """
    value, is_gain = metrics[task.metric], _is_gain(progress, task, metrics)
    is_kept = is_gain or task.keep_last_weights or (value == progress.best and "loss" not in metrics)
    progress.metrics = metrics
    progress.evaluations_without_improvement = 0 if is_gain else progress.evaluations_without_improvement + 1
    if is_gain:
        progress.best = None if math.isnan(value) else value
    if is_kept:
        progress.best_step, progress.best_metrics = progress.step, metrics
    return is_kept


def _is_gain(progress: Progress, task: Task, metrics: dict[str, float]) -> bool:
    """Whether the metric is better than the best so far, or equal with a lower loss."""
    value, best = metrics[task.metric], progress.best
    if best is None or value != best:
        return best is None or (value > best if task.maximize else value < best)
    loss, best_loss = metrics.get("loss", math.nan), progress.best_metrics.get("loss", math.nan)
    return loss < best_loss or (math.isnan(best_loss) and not math.isnan(loss))
