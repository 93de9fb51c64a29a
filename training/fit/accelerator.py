"""The accelerator of a run: device, number format, trackers."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState

from training.errors import UserError
from training.settings import TrainSettings

PROJECT = "selfsup-studio"  # what the trackers file the run under

_ENDED: list[torch.distributed.ProcessGroup] = []

# Weights that two layers share are saved once; accelerate would say so, as a warning, at each checkpoint.
logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)


def make_accelerator(settings: TrainSettings, folder: Path) -> Accelerator:
    """Accelerate's view of this process, its trackers started.

    Raises:
        UserError: If the precision needs a GPU and there is none.
    """
    precision = {"fp32": "no"}.get(settings.precision, settings.precision)
    cpu = settings.device == "cpu" or (not torch.cuda.is_available() and not torch.backends.mps.is_available())
    if precision == "fp16" and cpu:
        raise UserError("precision fp16 needs a GPU; on this machine use bf16 or fp32.")
    AcceleratorState._reset_state(reset_partial_state=True)  # or a second fit() could not choose its own precision
    GradientState._reset_state()
    trackers = None if settings.tracker == "none" else settings.tracker
    accelerator = Accelerator(
        mixed_precision=precision,
        cpu=cpu,
        log_with=trackers,
        project_dir=str(folder / "tracker"),
        step_scheduler_with_optimizer=False,
    )
    if trackers:
        config = {name: value for name, value in settings.changed().items() if not isinstance(value, list)}
        accelerator.init_trackers(PROJECT, config=config)
    return accelerator


def end(accelerator: Accelerator) -> None:
    """Finish the trackers and leave the other processes.

    The group of processes stays referenced. Python would free it with its lock (the GIL) held and wait there for gloo's
    threads, which want the lock to release their last tensors: a run that has finished would never end.
    """
    if torch.distributed.is_initialized() and torch.distributed.group.WORLD is not None:
        _ENDED.append(torch.distributed.group.WORLD)
    accelerator.end_training()
