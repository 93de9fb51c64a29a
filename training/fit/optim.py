"""The optimiser, the learning rate as a function of the step, and the moving average of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim.swa_utils import PARAM_LIST, AveragedModel, get_ema_multi_avg_fn

from training.settings import TrainSettings
from training.task import Task


def make_optimizer(task: Task, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter, 2019) in its fused form: one pass over the weights a step, also on a CPU."""
    return torch.optim.AdamW(task.param_groups(settings.weight_decay), lr=settings.learning_rate, fused=True)


def learning_rate(step: int, settings: TrainSettings) -> float:
    """The rate of optimiser step `step` (from 0): linear warm-up, then constant, linear or half-cosine decay to 0."""
    warmup = round(settings.warmup_ratio * settings.steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, settings.steps - warmup)
    decay = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[settings.schedule]
    return settings.learning_rate * max(0.0, decay)


def make_average(model: torch.nn.Module, decay: float) -> AveragedModel | None:
    """Exponential moving average of the weights (Polyak & Juditsky, 1992), or None at decay 0. Buffers are copied.

    The decay grows to its value as (1 + n) / (10 + n) over the updates n: the untrained start is soon forgotten.
    """

    def update(averaged: PARAM_LIST, current: PARAM_LIST, count: int | Tensor) -> None:
        now = min(decay, (1 + float(count)) / (10 + float(count)))
        get_ema_multi_avg_fn(now)(averaged, current, count)

    return AveragedModel(model, multi_avg_fn=update) if decay else None
