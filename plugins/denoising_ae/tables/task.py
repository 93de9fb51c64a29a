"""Task of `tables`: reconstruct corrupted rows; scored by how well masked cells are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from plugins.denoising_ae.models.artifact import write_config
from plugins.denoising_ae.tables.cell_predictions import predict_masked_cells
from plugins.denoising_ae.tables.corruption import corrupt_rows
from plugins.denoising_ae.tables.predictor import ARCHITECTURE, load
from training.artifact.safetensors_io import WEIGHTS
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import PRESENT, RARE, CategoryFeature, Encoded, EncodedParts
from training.figures import Baseline, Figure, share
from training.fit.batches import step_seed
from training.nn.tabular_autoencoder import (
    NetworkConfig,
    TableAutoencoder,
    category_weights,
    feature_errors,
    row_errors,
)
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.denoising_ae.tables.data import TableRows
    from plugins.denoising_ae.tables.settings import TablesSettings

SIZES = {"small": (64, 2), "medium": (128, 2), "large": (256, 4)}  # width, blocks
MAX_EVAL_ROWS = 1000
CATEGORIES = "How often the right value is predicted for a hidden cell, mean over the columns of categories."
NUMBERS = "How far predicted numbers of hidden cells are off, in standard deviations of their column."
CALIBRATION_ROWS = 2000  # training rows over which the largest errors are measured


class Cells(NamedTuple):
    """One evaluation row: predicted and true numbers (scaled) and category ids."""

    numbers: np.ndarray
    ids: np.ndarray
    true_numbers: np.ndarray
    true_ids: np.ndarray


class ColumnScore(NamedTuple):
    """A column's score and a baseline's: error of numbers (mean: 1), accuracy of categories (most frequent value)."""

    column: str
    score: float
    baseline: float


def build(data: TableRows, settings: TablesSettings) -> TablesTask:
    """Encode the rows and make the network; trained weights bring their own encoder.

    Raises:
        UserError: If trained weights cannot be read.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        start = load(Path(settings.model))
        return TablesTask(data, settings, start.encoder, start.model)
    width, blocks = SIZES[settings.size]
    sizes = {"width": width, "blocks": blocks, "latent_size": settings.latent_size}
    # The task corrupts the rows itself: the network's own noise and mask are those of one ensemble member.
    config = NetworkConfig.for_encoder(data.encoder, noise=(0.0,), mask=(max(settings.mask_ratio, 1e-6),), **sizes)
    return TablesTask(data, settings, data.encoder, TableAutoencoder(config))


class TablesTask(Task):
    """`train_data` and `eval_data` number rows of encoded arrays."""

    model: TableAutoencoder

    def __init__(self, data: TableRows, settings: TablesSettings, encoder: TableEncoder, model: TableAutoencoder):
        self.settings, self.encoder, self.model = settings, encoder, model
        self.train_rows, evaluation = data.encoded(encoder)
        trained = len(self.train_rows)
        self.train_data: Sequence = range(trained)
        self.eval_data: Sequence = range(trained, trained + min(MAX_EVAL_ROWS, len(evaluation)))
        self.rows = EncodedParts(self.train_rows, evaluation)
        self.weights = category_weights(encoder)
        self.facts = {"rows": trained, "columns": len(encoder.columns), "latent_size": model.config.latent_size}

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Tensor]:
        """Scaled numbers (batch, number features) and category ids (batch, category features), uncorrupted."""
        numbers, ids = self.rows.take(rows)
        return {"numbers": torch.from_numpy(numbers), "ids": torch.from_numpy(ids)}

    def losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Mean over features of squared errors and of cross entropies relative to the columns' entropies, (batch,)."""
        settings, numbers, ids = self.settings, batch["numbers"], batch["ids"]
        corrupted = corrupt_rows(numbers, ids, settings.mask_ratio, settings.swap_ratio, settings.noise_std)
        squared, entropy = feature_errors(self.model, model(*corrupted), numbers, ids)
        return row_errors(squared, entropy, self.weights)[0]

    def predict(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> list:
        """The prediction for each cell of a row, masked, beside its true value."""
        no_unseen = np.zeros((len(batch["ids"]), len(self.encoder.columns)), bool)
        rows = Encoded(batch["numbers"].cpu().numpy(), batch["ids"].cpu().numpy(), no_unseen)
        cells = predict_masked_cells(model, self.encoder, rows)  # type: ignore[arg-type]
        return [Cells(*row) for row in zip(cells.numbers, cells.ids, rows.numbers, rows.categories, strict=True)]

    def score(self, outputs: list) -> Score:
        """Over masked cells: error of numbers in standard deviations (the mean: 1), accuracy of categories."""
        cells = Cells(*(np.stack(column) for column in zip(*outputs, strict=True)))
        errors, accuracies = self._number_scores(cells), self._category_scores(cells)
        metrics = {}
        if errors:
            metrics["number_error"] = float(np.mean([one.score for one in errors]))
        if accuracies:
            metrics["category_accuracy"] = float(np.mean([one.score for one in accuracies]))
            metrics["most_frequent_accuracy"] = float(np.mean([one.baseline for one in accuracies]))
        # Categories as an error relative to the baseline's, so that both kinds of columns count alike in the loss.
        relative = [(1 - one.score) / max(1 - one.baseline, 1e-3) for one in accuracies]
        losses = [*(one.score for one in errors), *relative]
        metrics["loss"] = float(np.mean(losses)) if losses else 0.0
        return Score(
            metrics, {"Masked cells": _score_table(errors, accuracies)}, figures=_figures(metrics, len(outputs))
        )

    def _number_scores(self, cells: Cells) -> list[ColumnScore]:
        scores = []
        for index, feature in enumerate(self.encoder.numbers):
            true = cells.true_numbers[:, index]
            known = np.isfinite(true)
            if known.any():
                error = float(np.square(cells.numbers[known, index] - true[known]).mean() ** 0.5)
                scores.append(ColumnScore(feature.column, error / max(float(true[known].std()), 1e-6), 1.0))
        return scores

    def _category_scores(self, cells: Cells) -> list[ColumnScore]:
        scores = []
        for index, feature in enumerate(self.encoder.categories):
            true = cells.true_ids[:, index]
            known = _known_categories(feature, true)
            if known.any():
                accuracy = float((cells.ids[known, index] == true[known]).mean())
                most_frequent = float(np.bincount(true[known]).max() / known.sum())
                scores.append(ColumnScore(feature.column, accuracy, most_frequent))
        return scores

    def save(self, model: torch.nn.Module, folder: Path) -> None:
        """config.json (columns, sizes, the largest errors over training cells) and model.safetensors."""
        network = cast(TableAutoencoder, model)
        sample = np.random.default_rng(self.settings.seed).permutation(len(self.train_rows))[:CALIBRATION_ROWS]
        rows = self.train_rows.select(sample)
        config = {
            "network": network.config.to_dict(),
            "encoder": self.encoder.to_dict(),
            "max_errors": predict_masked_cells(network, self.encoder, rows).max_errors(rows),
        }
        save_file({name: value.cpu().contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)
        write_config(folder, ARCHITECTURE, config, indent=None)  # a vocabulary may have 50,000 entries


def _figures(metrics: dict[str, float], rows: int) -> tuple[Figure, ...]:
    figures = []
    if "category_accuracy" in metrics:
        usual = Baseline("always the most frequent value", metrics["most_frequent_accuracy"])
        name, value = "Hidden categories found", metrics["category_accuracy"]
        figures.append(share("category_accuracy", name, value, CATEGORIES, rows, [usual]))
    if "number_error" in metrics:
        mean = (Baseline("always the column's mean", 1.0),)
        figures.append(Figure("number_error", "Error of hidden numbers", metrics["number_error"], NUMBERS, mean, False))
    return tuple(figures)


def _known_categories(feature: CategoryFeature, ids: np.ndarray) -> np.ndarray:
    """Cells with a value: ids below RARE are hidden and missing cells; a feature of PRESENT alone has no values."""
    return ids >= RARE if feature.values != (PRESENT,) else np.zeros(len(ids), bool)


def _score_table(errors: list[ColumnScore], accuracies: list[ColumnScore]) -> dict[str, list]:
    rows = [[one.column, "number", f"error {one.score:.3f}", "1 (the mean)"] for one in errors]
    rows += [
        [one.column, "category", f"{one.score:.1%} correct", f"{one.baseline:.1%} (the most frequent)"]
        for one in accuracies
    ]
    return {"columns": ["column", "type", "prediction of a masked cell", "baseline without a network"], "rows": rows}
