"""A plugin small enough to train in a second: two classes of points, inside and outside a circle, and a network of 162
weights. Dropout is on, so that a resumed run has to draw the same random numbers."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from plugins._contract import Kind, Plugin
from plugins._endpoints import Endpoints
from training.preflight.sheet import Sheet
from training.settings import FILE, StartingWeights, TableData, TrainSettings, parse_settings

if TYPE_CHECKING:
    import torch

    from training.task import Task

HOLD_RANK = "TOY_HOLD_RANK"  # of several processes the only one that does so
HOLD = "TOY_HOLD"  # names a file: while it is there, the trainer stands still before its batch `hold_at`


class ToySettings(
    TrainSettings,
    TableData,
    StartingWeights,
    defaults={"steps": 40, "batch_size": 8},
):
    """Settings of `fit`."""

    learning_rate: float = Field(0.02, gt=0, le=1e6, description="Peak learning rate of AdamW.")
    data: str = Field("", description="A training file; the toy needs none.", json_schema_extra=FILE)
    points: str = Field("", description="A file with one point a line: x,y,class.", json_schema_extra=FILE)
    rows: int = Field(60, ge=0, le=100_000, description="Points to make, where no file is given.")
    wrong: float = Field(0.0, ge=0, le=1, description="Share of the training points that have the wrong class.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of hidden values dropped at each step.")
    repeats: int = Field(1, ge=1, le=9, description="A row counts as 1 to this many items, by its place.")
    hold_at: int = Field(0, ge=0, le=100_000, description="Batch before which to stand still. 0: none.")


def toy_settings(**values: Any) -> ToySettings:
    """Checked settings; what is not given is the default."""
    return parse_settings(ToySettings, values)


def make_points(rows: int, seed: int) -> np.ndarray:
    """x, y in [-1, 1] and whether they lie in the circle that covers half of the square, (rows, 3)."""
    points = np.random.default_rng(seed).uniform(-1, 1, (rows, 2))
    return np.c_[points, (points**2).sum(1) < 2 / np.pi].astype(np.float32)


@dataclass(frozen=True)
class ToyData:
    """x, y and class of each point, (rows, 3), as numbers or as a file spells them."""

    points: np.ndarray
    sheet: Sheet = Sheet(())  # noqa: RUF009 - frozen


def read(settings: ToySettings) -> ToyData:
    """Read the points of the file, or make some."""
    given = np.loadtxt(settings.points, delimiter=",", dtype=str) if settings.points else None
    return ToyData(make_points(settings.rows, settings.seed) if given is None else given)


def make_task(settings: ToySettings) -> Task:
    """The task of these settings, with their data."""
    return build(read(settings), settings)


def build(data: ToyData, settings: ToySettings) -> Task:
    """The task of `fit`."""
    import torch
    from torch.nn import functional

    from training.task import Score, Task

    class ToyTask(Task):
        def __init__(self) -> None:
            torch.manual_seed(settings.seed)
            self.model = network(settings.dropout)
            points = data.points.astype(np.float32)
            self.train_data: Any = points[: len(points) * 2 // 3].copy()
            flipped = np.random.default_rng(1).random(len(self.train_data)) < settings.wrong
            self.train_data[flipped, 2] = 1 - self.train_data[flipped, 2]
            self.eval_data: Any = points[len(points) * 2 // 3 :] if settings.eval_share else ()
            self.facts = {"rows": len(self.train_data)}
            self.batches = 0

        def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
            points = torch.tensor(np.stack(rows))
            return {"points": points[:, :2], "classes": points[:, 2].long()}

        def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            """Cross entropy an item: the row's own, given 1 to `repeats` times by its place on the x axis."""
            if model.training:
                self.batches += 1
                hold_before(self.batches, settings.hold_at)
            losses = self._row_losses(model, batch)
            times = 1 + ((batch["points"][:, 0] + 1) / 2 * settings.repeats).long().clamp(0, settings.repeats - 1)
            return losses.repeat_interleave(times)

        def _row_losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return functional.cross_entropy(model(batch["points"]).float(), batch["classes"], reduction="none")

        def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list:
            hits = model(batch["points"]).argmax(1) == batch["classes"]
            return list(zip(self._row_losses(model, batch).tolist(), hits.tolist(), strict=True))

        def score(self, outputs: list) -> Score:
            losses, hits = np.asarray(outputs, dtype=float).T
            return Score({"loss": float(losses.mean()), "accuracy": float(hits.mean())})

        def save(self, model: torch.nn.Module, folder: Path) -> None:
            from safetensors.torch import save_file

            save_file(model.state_dict(), folder / "model.safetensors")
            (folder / "config.json").write_text(json.dumps({"hidden": 32}))

    return ToyTask()


def network(dropout: float) -> torch.nn.Module:
    """Points, (rows, 2), to logits, (rows, 2)."""
    from torch import nn

    return nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Dropout(dropout), nn.Linear(32, 2))


def hold_before(batch: int, hold_at: int) -> None:
    """Stand still while the file is there, deaf to every request to stop; say so by touching `<file>.reached`."""
    gate = Path(os.environ.get(HOLD, "/nowhere"))
    only = os.environ.get(HOLD_RANK)
    if batch != hold_at or not gate.exists() or (only and only != os.environ.get("RANK")):
        return
    gate.with_suffix(".reached").touch()
    while gate.exists():
        time.sleep(0.005)


def read_network(folder: Path) -> torch.nn.Module:
    """The network of an artifact, in evaluation mode."""
    from safetensors.torch import load_file

    model = network(0.0)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.eval()


class Classify(Endpoints):
    """The network of an artifact, ready to predict."""

    def __init__(self, folder: Path):
        self._model = read_network(folder)

    def classify(self, x: float, y: float) -> dict[str, float]:
        """How probable it is that a point lies inside and outside the circle."""
        import torch

        with torch.inference_mode():
            outside, inside = self._model(torch.tensor([[x, y]])).softmax(1)[0].tolist()
        return {"outside": outside, "inside": inside}


def load(folder: Path) -> Classify:
    """The classifier of an artifact."""
    return Classify(folder)


PLUGIN = Plugin(
    name="toy",
    title="Toy",
    summary="Tell points inside a circle from those outside.",
    kinds=(Kind("fit", "Fit the circle", module="tests.toy", settings=ToySettings, endpoints=Classify),),
)
