"""What tells whether the processes of a run train on the same data: else their gradients are averaged for nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.utils import set_seed

from training.fit.batches import step_seed
from training.task import RowStream

if TYPE_CHECKING:
    from training.settings import TrainSettings
    from training.task import Task

SAMPLED = 8  # rows that are compared


def data_fingerprint(task: Task, settings: TrainSettings) -> str:
    """Equal where processes have as many rows, the same ones among some that are looked at, and networks of one shape.

    Of numbers that are no integers the shape alone counts: machines may round otherwise.
    """
    digest, rows = hashlib.sha256(), task.train_data
    assert not isinstance(rows, RowStream), "a stream has a fingerprint of its own"
    shapes = [(name, tuple(tensor.shape)) for name, tensor in task.model.state_dict().items()]
    digest.update(repr((len(rows), len(task.eval_data), shapes)).encode())
    seed = step_seed(settings.seed, 0, 0)
    numbers = np.random.default_rng(seed).integers(0, len(rows), SAMPLED)
    set_seed(seed)
    batch = task.collate([rows[int(number)] for number in numbers], np.random.default_rng(seed), training=True)
    for tensor in _tensors(batch):
        digest.update(repr((tuple(tensor.shape), str(tensor.dtype))).encode())
        if not tensor.is_floating_point():
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _tensors(batch: Any) -> Iterator[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        yield batch
    elif isinstance(batch, dict):
        for value in batch.values():
            yield from _tensors(value)
