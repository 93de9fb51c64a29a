"""Trainer `tables`: spoiled rows in, whole rows out; scored by how well single hidden cells are restored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from plugins.denoising_ae.models import artifact
from plugins.denoising_ae.tables.corruption import spoil
from plugins.denoising_ae.tables.data import ARCHITECTURE, TableData, prepare
from plugins.denoising_ae.tables.table_imputer import Restorer, restored_cells
from training.artifact.safetensors_io import CONFIG, WEIGHTS
from training.data.table_stream import read_training_rows
from training.data.tabular.features import PRESENT, Encoded
from training.fit.batches import step_seed
from training.nn.tabular_autoencoder import (
    NetworkConfig,
    TableAutoencoder,
    category_weights,
    feature_errors,
    row_errors,
)
from training.preflight.sheet import Sheet
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.denoising_ae.settings import TablesSettings

SIZES = {"small": (64, 2), "medium": (128, 2), "large": (256, 4)}  # width, blocks
SCORED = 1000  # rows


def build(settings: TablesSettings) -> TablesTask:
    """Read the table, fit the encoder, make the network.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    data = prepare(read_training_rows(settings), settings)
    Sheet(data.findings).raise_if_blocked()
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        return TablesTask(data, settings, Restorer.load(Path(settings.model)).model)
    width, blocks = SIZES[settings.size]
    sizes = {"width": width, "blocks": blocks, "latent_size": settings.latent_size}
    config = NetworkConfig.for_encoder(data.encoder, noise=(0.0,), mask=(max(settings.mask_share, 1e-6),), **sizes)
    return TablesTask(data, settings, TableAutoencoder(config))


class TablesTask(Task):
    """Rows are numbers into arrays."""

    model: TableAutoencoder

    def __init__(self, data: TableData, settings: TablesSettings, model: TableAutoencoder):
        self.data, self.settings, self.model = data, settings, model
        self.train_data: Sequence = range(len(data.train))
        self.eval_data: Sequence = range(len(data.train), len(data.train) + min(SCORED, len(data.evaluation)))
        self.numbers = np.concatenate([data.train.numbers, data.evaluation.numbers])
        self.ids = np.concatenate([data.train.categories, data.evaluation.categories])
        self.weights = category_weights(data.encoder)
        self.facts = {
            "rows": len(data.train),
            "columns": len(data.encoder.columns),
            "latent_size": model.config.latent_size,
        }

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Tensor]:
        index = np.asarray(rows)
        return {"numbers": torch.from_numpy(self.numbers[index]), "ids": torch.from_numpy(self.ids[index])}

    def losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Mean over the features of squared errors and of cross entropies over their columns' own, (rows,)."""
        settings, plain = self.settings, getattr(model, "module", model)
        given = spoil(batch["numbers"], batch["ids"], settings.mask_share, settings.swap_share, settings.noise_level)
        squared, entropy = feature_errors(plain, model(*given), batch["numbers"], batch["ids"])  # type: ignore[arg-type]
        return row_errors(squared, entropy, self.weights)[0]

    def predict(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> list:
        """What the network would put into each cell of a row if it were hidden."""
        rows = Encoded(batch["numbers"].cpu().numpy(), batch["ids"].cpu().numpy(), np.zeros((len(batch["ids"]), len(self.data.encoder.columns)), bool))  # fmt: skip
        found = restored_cells(model, self.data.encoder, rows)  # type: ignore[arg-type]
        return list(zip(found.numbers, found.ids, rows.numbers, rows.categories, strict=True))

    def score(self, outputs: list) -> Score:
        """Of hidden cells: error of numbers in their deviations (1: the mean is as good), share of categories that are right."""
        numbers, ids, true_numbers, true_ids = (np.stack(each) for each in zip(*outputs, strict=True))
        encoder, rows, metrics = self.data.encoder, [], {}
        errors = []
        for place, feature in enumerate(encoder.numbers):
            known = np.isfinite(true_numbers[:, place])
            if known.any():
                error = float(np.square(numbers[known, place] - true_numbers[known, place]).mean() ** 0.5)
                spread = float(true_numbers[known, place].std())
                errors.append(error / max(spread, 1e-6))
                rows.append([feature.column, "number", f"{errors[-1]:.3f}", "1 (the mean)"])
        hits, usual = [], []
        for place, feature in enumerate(encoder.categories):
            known = true_ids[:, place] >= 2 if feature.values != (PRESENT,) else np.zeros(len(true_ids), bool)
            if known.any():
                hits.append(float((ids[known, place] == true_ids[known, place]).mean()))
                usual.append(float(np.bincount(true_ids[known, place]).max() / known.sum()))
                rows.append(
                    [feature.column, "category", f"{hits[-1]:.1%} right", f"{usual[-1]:.1%} (the most frequent)"]
                )
        if errors:
            metrics["number_error"] = float(np.mean(errors))
        if hits:
            metrics |= {"category_accuracy": float(np.mean(hits)), "most_frequent_accuracy": float(np.mean(usual))}
        parts = [*errors, *((1 - hit) / max(1 - base, 1e-3) for hit, base in zip(hits, usual, strict=True))]
        metrics["loss"] = float(np.mean(parts)) if parts else 0.0
        table = {"columns": ["column", "kind", "a hidden cell is restored with", "without a network"], "rows": rows}
        return Score(metrics, {"Hidden cells": table})

    def save(self, model: torch.nn.Module, folder: Path) -> None:
        """config.json (columns, sizes, how far off training cells were) and model.safetensors."""
        from safetensors.torch import save_file

        network: Any = model
        chosen = np.random.default_rng(self.settings.seed).permutation(len(self.data.train))[: 2 * SCORED]
        found = restored_cells(network, self.data.encoder, self.data.train.select(chosen))
        save_file({name: value.cpu().contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)
        about = {
            "format": artifact.FORMAT,
            "architecture": ARCHITECTURE,
            "network": network.config.to_dict(),
            "encoder": self.data.encoder.to_dict(),
            "furthest": found.furthest(self.data.train.select(chosen)),
        }
        (folder / CONFIG).write_text(json.dumps(about), encoding="utf-8")
