"""Checkpoints of a run: written whole or not at all, rotated, and found again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files
from training.errors import UserError

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator


@dataclass
class Progress:
    """What a checkpoint holds beside weights, optimiser and average. The schedule, the batches and the noise need
    nothing: they are functions of the step."""

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    evaluations_without_improvement: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    best_metrics: dict[str, float] = field(default_factory=dict)
    start_metrics: dict[str, float] = field(default_factory=dict)  # before the first step, where the task asks for them

    def state_dict(self) -> dict[str, Any]:
        values = asdict(self)  # numbers of a library become plain ones: a backup holds no others
        for name in ("metrics", "best_metrics", "start_metrics"):
            values[name] = {key: float(value) for key, value in values[name].items()}
        return values | {"best": None if self.best is None else float(self.best)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint says.

        Raises:
            UserError: If it is not what `state_dict` gives.
        """
        if isinstance(state, dict):
            state = {"start_metrics": {}, **state}  # earlier versions had none
        if not _is_progress(state):
            raise UserError("The checkpoint does not say how far training was: it is not loaded.")
        for name, value in state.items():
            setattr(self, name, value)


def _is_progress(state: Any) -> bool:
    if not isinstance(state, dict) or state.keys() != Progress.__dataclass_fields__.keys():
        return False
    counts = [state[name] for name in ("step", "best_step", "evaluations_without_improvement")]
    scores = [state["metrics"], state["best_metrics"], state["start_metrics"]]
    if any(type(count) is not int for count in counts) or any(not isinstance(each, dict) for each in scores):
        return False
    numbers = [
        state["seconds"],
        0.0 if state["best"] is None else state["best"],
        *scores[0].values(),
        *scores[1].values(),
        *scores[2].values(),
    ]
    return all(isinstance(number, int | float) for number in numbers)


def save(accelerator: Accelerator, folder: Path, step: int, keep: int, write: Callable[[Path], None]) -> Path:
    """Write `folder/step-…` and delete all but the newest `keep`.

    Args:
        write: Called by every process with the folder to write into, which is there.

    Raises:
        OSError: The disk is full, say; the checkpoints that were there stay.
    """
    target = at(folder, step)
    if not accelerator.is_main_process:
        accelerator.wait_for_everyone()  # the folder is there
        write(target.with_name(target.name + ".new"))
        accelerator.wait_for_everyone()
        return target
    with files.replacing(target) as new:
        accelerator.wait_for_everyone()
        write(new)
        accelerator.wait_for_everyone()
    kept = all_checkpoints(folder)[-keep:]
    for old in set(folder.iterdir()) - set(kept):  # also what a killed process left half written
        shutil.rmtree(old, ignore_errors=True)
    return target


def load(accelerator: Accelerator, folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Take weights, optimiser and progress from a checkpoint.

    The optimiser's fused step reads memory by the parameter's shape alone, so that its state is looked at here.

    Raises:
        UserError: If its tensors are not of the shapes that the model has: it was made with other settings, or altered.
    """
    import torch

    try:
        accelerator.load_state(str(folder))
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        raise UserError(f"{folder.name} does not fit the model: {str(error)[:300]}. Nothing was trained.") from None
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if getattr(value, "shape", None) != (() if name == "step" else parameter.shape):
                raise UserError(f"{folder.name} does not fit the model: {name} of the optimiser. Nothing was trained.")
            if name != "step" and value.stride() != parameter.stride():  # a backup keeps values, not their order
                state[name] = torch.empty_like(parameter).copy_(value)


def at(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step is, if there is one."""
    return folder / f"step-{step:09d}"


def all_checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.name[5:].isdigit())


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint, if there is one."""
    return next(iter(all_checkpoints(folder)[::-1]), None)
