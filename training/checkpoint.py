"""Checkpoints of a run: written whole or not at all, rotated, and found again."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass
class Progress:
    """What a checkpoint holds beside weights, optimiser and average. The schedule, the batches and the noise need
    nothing: they are functions of the step."""

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    evaluations_without_gain: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    best_metrics: dict[str, float] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def save(accelerator: Accelerator, folder: Path, step: int, keep: int) -> Path:
    """Write `folder/step-…` and delete all but the newest `keep`.

    Raises:
        OSError: The disk is full, say; the checkpoints that were there stay.
    """
    target = folder / f"step-{step:09d}"
    if not accelerator.is_main_process:
        accelerator.wait_for_everyone()  # the folder is there
        accelerator.save_state(str(target) + ".new", safe_serialization=True)
        accelerator.wait_for_everyone()
        return target
    with files.replacing(target) as new:
        accelerator.wait_for_everyone()
        accelerator.save_state(str(new), safe_serialization=True)
        accelerator.wait_for_everyone()
    kept = all_checkpoints(folder)[-keep:]
    for old in set(folder.iterdir()) - set(kept):  # also what a killed process left half written
        shutil.rmtree(old, ignore_errors=True)
    return target


def all_checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.name[5:].isdigit())


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint, if there is one."""
    return next(iter(all_checkpoints(folder)[::-1]), None)
