"""Task of `fit`: an ensemble of denoising autoencoders over typed columns, calibrated on rows it has not seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score, roc_auc_score

from plugins.ae_anomaly.detector import store
from plugins.ae_anomaly.detector.calibration import Calibration, part_weights
from plugins.ae_anomaly.detector.row_errors import ReferenceRows, RowErrors, measure_rows
from plugins.ae_anomaly.fit import baselines
from plugins.ae_anomaly.fit.data import MIN_CALIBRATION_ROWS, AnomalyData, prepare
from plugins.ae_anomaly.fit.predictor import AnomalyPredictor
from plugins.ae_anomaly.fit.settings import SIZES
from plugins.ae_anomaly.fit.worst_rows import worst_rows
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import Encoded, EncodedParts
from training.figures import Baseline, Figure
from training.fit.batches import step_seed
from training.nn.tabular_autoencoder import (
    NetworkConfig,
    TableAutoencoder,
    category_weights,
    corrupt,
    feature_errors,
    row_errors,
)
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.settings import FitSettings

CALIBRATION_ROWS = 4000
ERROR_MEANING = (
    "How far the rebuilt cells of ordinary held-out rows are from the true ones: 0 is perfect, about 1 is a guess."
)
AUROC_MEANING = "How often a labelled anomaly scores above an ordinary row: 0.5 is chance, 1 is always."
AUROC_ADVICE = "Train longer, leave out columns that say nothing, or choose another score."
ANOMALY_MARGIN, MAX_FEEDBACK_ROWS = 3.0, 64  # nats; labelled rows per step


def build(data: AnomalyData, settings: FitSettings) -> FitTask:
    """Make the network, or load the one to train on; the rows are then encoded as it was trained to read them."""
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        start = AnomalyPredictor.load(Path(settings.model))
        return FitTask(_encoded_by(start.encoder, data, settings), settings, start.model)
    width, blocks = SIZES[settings.size]
    noise, mixed = settings.noise, bool(data.encoder.categories)
    config = NetworkConfig.for_encoder(
        data.encoder,
        noise=noise,
        mask=(settings.mask_ratio if mixed else 0.0,) * len(noise),
        width=width,
        blocks=blocks,
        latent_size=settings.latent_size,
        number_embedding=settings.number_embedding,
    )
    return FitTask(data, settings, TableAutoencoder(config))


def _encoded_by(encoder: TableEncoder, data: AnomalyData, settings: FitSettings) -> AnomalyData:
    assert data.table is not None, "`read` keeps the table where `model` names weights"
    return prepare(data.table, settings, encoder=encoder)


class FitTask(Task):
    """Rows are numbers into arrays: training rows first, then those to evaluate."""

    model: TableAutoencoder

    def __init__(self, data: AnomalyData, settings: FitSettings, model: TableAutoencoder):
        self.data, self.settings, self.model = data, settings, model
        self.keep_last_weights = settings.keep == "last"
        first = len(data.train)
        self.train_data: Sequence = range(first)
        self.eval_data: Sequence = range(first, first + len(data.evaluation))
        self.rows = EncodedParts(data.train, data.evaluation)
        self.weights = category_weights(data.encoder)
        self.facts = {
            "rows": first,
            "calibration_rows": len(data.held_out),
            "columns": len(data.encoder.columns),
            "number_features": len(data.encoder.numbers),
            "category_features": len(data.encoder.categories),
            "members": model.config.members,
            "latent_size": model.config.latent_size,
        }

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """numbers, (rows, number features); ids, (rows, category features)."""
        numbers, ids = self.rows.take(rows)
        return {"numbers": torch.from_numpy(numbers), "ids": torch.from_numpy(ids)}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean over members and features, (rows,): squared (or Huber) errors, and cross entropies over the columns' own."""
        numbers, ids = batch["numbers"], batch["ids"]
        plain: Any = getattr(model, "module", model)
        squared, entropy = feature_errors(plain, model(*corrupt(plain.config, numbers, ids)), numbers, ids)
        if self.settings.loss == "huber":
            squared = torch.where(squared > 1, 2 * squared.clamp(min=1e-12).sqrt() - 1, squared)
        errors = row_errors(squared, entropy, self.weights)
        return errors.mean(0) + self._feedback_loss(plain, errors.detach())

    def _feedback_loss(self, model: TableAutoencoder, normal: torch.Tensor) -> torch.Tensor | float:
        """What labelled anomalies lack to a logarithmic error MARGIN above that of normal rows.

        Pushes known anomalies away as Ruff et al., 2020 (Deep SAD) do with an inverse distance; a hinge stops pushing in time.
        """
        known = self.data.labelled_anomalies
        if known is None or not len(known) or not model.training or not self.settings.feedback_weight:
            return 0.0
        drawn = np.random.randint(len(known), size=min(len(known), MAX_FEEDBACK_ROWS))
        numbers, ids = (torch.from_numpy(each[drawn]).to(normal.device) for each in (known.numbers, known.categories))
        errors = row_errors(
            *feature_errors(model, model(*corrupt(model.config, numbers, ids)), numbers, ids), self.weights
        )
        lacking = normal.mean(1, keepdim=True).log() + ANOMALY_MARGIN - errors.clamp(min=1e-6).log()
        return self.settings.feedback_weight * lacking.clamp(min=0).mean()

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list:
        """Loss, uncalibrated parts and log errors a column, of each row."""
        losses = self.losses(model, batch).float().cpu().numpy()
        rows = Encoded(batch["numbers"].cpu().numpy(), batch["ids"].cpu().numpy(), np.zeros((len(losses), len(self.data.encoder.columns)), bool))  # fmt: skip
        with torch.autocast(losses_device := batch["numbers"].device.type, enabled=False):
            del losses_device
            measured = measure_rows(model, rows, self.data.encoder, None)  # type: ignore[arg-type]
        return list(zip(losses, measured.parts, measured.columns, strict=True))

    def score(self, outputs: list) -> Score:
        """Loss of normal rows; where labels are known, AUROC and average precision of the reconstruction error alone."""
        is_anomaly = self.data.anomalous
        losses = np.asarray([one[0] for one in outputs])
        unseen = self.data.evaluation.unseen
        parts = np.stack([one[1] for one in outputs]) + np.log1p(unseen.sum(1, keepdims=True))
        columns = np.stack([one[2] for one in outputs])
        columns = np.logaddexp(columns, np.where(unseen, np.log(np.log1p(self.data.encoder.rows)), -np.inf))
        found = RowErrors(parts, columns, np.zeros(0))
        normal = np.ones(len(losses), bool) if is_anomaly is None else ~is_anomaly
        metrics = {"loss": float(losses[normal].mean())}
        shown = [self._error_figure(metrics["loss"], normal)]
        clean = found.select(normal) if normal.any() else found
        calibration = Calibration.of(clean, part_weights(self.model.config, False, self.has_surprise), self.by_tails)
        mine = calibration.score(found)
        if is_anomaly is not None and is_anomaly.any() and normal.any():
            metrics |= {
                "auroc": float(roc_auc_score(is_anomaly, mine)),
                "auprc": float(average_precision_score(is_anomaly, mine)),
            }
            shown = [self._auroc_figure(metrics["auroc"], is_anomaly), *shown]
        return Score(metrics, worst_rows(self.data, calibration, found, mine), figures=tuple(shown))

    def _error_figure(self, value: float, normal: np.ndarray) -> Figure:
        guess = Baseline("each column's mean and usual values", float(self._errors_of_guess[normal].mean()))
        return Figure("loss", "Reconstruction error", value, ERROR_MEANING, (guess,), False)

    @cached_property
    def _errors_of_guess(self) -> np.ndarray:
        return baselines.marginal_errors(self.data.train, self.data.evaluation, self.data.encoder, self.weights)

    def _auroc_figure(self, value: float, is_anomaly: np.ndarray) -> Figure:
        tolerance = baselines.auroc_tolerance(value, int(is_anomaly.sum()), int((~is_anomaly).sum()))
        scores = self._pca_errors
        known = () if scores is None else (Baseline("PCA", float(roc_auc_score(is_anomaly, scores))),)
        return Figure("auroc", "AUROC", value, AUROC_MEANING, known, tolerance=tolerance, advice=AUROC_ADVICE)

    @cached_property
    def _pca_errors(self) -> np.ndarray | None:
        return baselines.pca_errors(self.data.train, self.data.evaluation)

    @property
    def has_surprise(self) -> bool:
        """Whether some column is a category, has holes or is constant: only then can a cell surprise."""
        encoder = self.data.encoder
        return bool(encoder.categories or encoder.constants)

    @property
    def by_tails(self) -> bool:
        """Whether there are categories alone: then the score counts how far in its tail each column's error lies."""
        return not self.model.config.numbers

    def save(self, model: torch.nn.Module, folder: Path) -> None:
        """config.json (columns, sizes) and model.safetensors (weights, remembered rows, what clean rows score)."""
        network: Any = model
        counts_memory = self.settings.score != "reconstruction"
        weights = part_weights(network.config, counts_memory, self.has_surprise)
        memory = ReferenceRows.of(
            network,
            self.data.train,
            self.settings.knn_reference_rows,
            self.settings.seed,
            with_codes=counts_memory and bool(weights[-1]),
        )
        clean = self.data.held_out if len(self.data.held_out) >= MIN_CALIBRATION_ROWS else self.data.train
        chosen = np.random.default_rng(self.settings.seed).permutation(len(clean))[:CALIBRATION_ROWS]
        found = measure_rows(network, clean.select(chosen), self.data.encoder, memory)
        weights = np.pad(weights, (0, found.parts.shape[1] - len(weights)))
        calibration = Calibration.of(found, weights, self.by_tails)
        tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
        tensors |= {"memory.inputs": memory.inputs.half(), "memory.latents": memory.latents.half()}
        for name in ("mean", "scale", "weights", "scores", "columns"):
            tensors[f"calibration.{name}"] = torch.from_numpy(
                np.ascontiguousarray(getattr(calibration, name), dtype=np.float32)
            )
        save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, folder / "model.safetensors")
        about = {
            "format": store.BY_TAILS if self.by_tails else store.FORMAT,
            "architecture": store.ARCHITECTURE,
            "network": network.config.to_dict(),
            "encoder": self.data.encoder.to_dict(),
            "label": self.data.label,
            "normal_value": self.settings.normal_value,
            "calibrated_on": "held-out rows" if len(self.data.held_out) >= MIN_CALIBRATION_ROWS else "training rows",
        }
        (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
