"""A network of layers, small and slow to forget: what tests of sharding train, in this process or in one of several.

`torchrun -m tests.layered FOLDER SETTINGS` trains it in each process, and writes what each held to FOLDER/held-RANK.json.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.held_bytes import run_measured
from training.fit.loop import _Fit
from training.settings import LargeNetwork, Lora, TrainSettings, parse_settings
from training.task import Score, Task


class LayeredSettings(
    TrainSettings, LargeNetwork, Lora, defaults={"steps": 12, "batch_size": 8, "learning_rate": 3e-3}
):
    """Settings of the layered network."""


class Layer(nn.Module):
    """A residual layer."""

    def __init__(self, width: int):
        super().__init__()
        self.inner = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(rows, width) -> the same."""
        return hidden + self.inner(hidden)


class Layers(nn.Module):
    """An embedding whose table also gives the logits, layers, and a buffer."""

    def __init__(self, width: int, layers: int, tokens: int):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.layers = nn.ModuleList(Layer(width) for _ in range(layers))
        self.out = nn.Linear(width, tokens, bias=False)
        self.out.weight = self.embedding.weight
        self.register_buffer("scale", torch.tensor(0.5))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(rows,) -> logits, (rows, tokens)."""
        hidden = self.embedding(ids)
        for layer in self.layers:
            hidden = layer(hidden)
        return self.out(hidden) * self.scale


class LayeredTask(Task):
    """Predict a fixed permutation of the tokens; rows are of different lengths, so that pieces could differ."""

    padded = True

    def __init__(self, width: int = 32, layers: int = 6, tokens: int = 40, eval_rows: int = 37):
        torch.manual_seed(0)
        self.model = Layers(width, layers, tokens)
        self.answers = torch.randperm(tokens)
        self.train_data: Any = list(range(tokens))
        self.eval_data: Any = [row % tokens for row in range(eval_rows)]

    def row_lengths(self, data: Any) -> list[int]:
        return [1 + 100 * (row % 3) for row in data]

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        return {"ids": torch.tensor(rows)}

    def losses(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        answers = self.answers.to(batch["ids"].device)[batch["ids"]]
        return functional.cross_entropy(model(batch["ids"]).float(), answers, reduction="none")

    def score(self, outputs: list) -> Score:
        return Score({"loss": float(np.mean(outputs)), "rows": float(len(outputs))})

    def preview(self, model: nn.Module, device: torch.device) -> list[dict]:
        """A part of the network by itself, as pipelines call theirs."""
        table: Any = model.get_submodule("embedding")
        return [{"text": f"{float(table(torch.tensor([1], device=device)).float().norm()):.4f}"}]

    def save(self, model: nn.Module, folder: Path) -> None:
        from safetensors.torch import save_model

        save_model(model, str(folder / "model.safetensors"))


def settings_of(**values: Any) -> LayeredSettings:
    """Checked settings; what is not given is the default."""
    return parse_settings(LayeredSettings, {"device": "cpu", "precision": "fp32", **values})


def train(folder: Path, **values: Any) -> dict[str, int]:
    """Train in `folder`; returns the bytes of weights, gradients and optimiser that this process held at a step."""
    values = dict(values)
    task = LayeredTask(layers=values.pop("layers", 6))
    if os.environ.get("RANK") == values.pop("odd_rank", "none"):
        task.train_data = [*task.train_data[1:], task.train_data[0]]
    return run_measured(_Fit(task, settings_of(**values), folder, {}, None))


if __name__ == "__main__":
    place = Path(sys.argv[1])
    torch.set_num_threads(1)
    found = train(place, **json.loads(sys.argv[2]))
    (place / f"held-{os.environ.get('RANK', '0')}.json").write_text(json.dumps(found))
