"""Masked cell prediction: what the network predicts for each cell of a row, given the other columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import HIDDEN, RARE, Encoded
from training.nn.tabular_autoencoder import TableAutoencoder, spread

BATCH_ROWS = 512  # rows per forward pass


@dataclass(frozen=True, eq=False)
class CellPredictions:
    """The prediction for each cell, its column masked.

    Args:
        numbers: Scaled, (rows, number features).
        ids: The most probable category, missing and rare left out, (rows, category features).
        probabilities: Its probability, the same shape.
    """

    numbers: np.ndarray
    ids: np.ndarray
    probabilities: np.ndarray

    def max_errors(self, rows: Encoded) -> list[float]:
        """The largest absolute error of each number feature over its known cells."""
        return [float(column.max(initial=0.0)) for column in np.nan_to_num(np.abs(self.numbers - rows.numbers)).T]


@torch.no_grad()
def predict_masked_cells(model: TableAutoencoder, encoder: TableEncoder, rows: Encoded) -> CellPredictions:
    """Mask one column after the other, all its features together, and predict it from the others."""
    shape = rows.categories.shape
    predictions = CellPredictions(np.zeros_like(rows.numbers), np.zeros(shape, np.int64), np.zeros(shape, np.float32))
    column_of_number, column_of_category = encoder.owners()
    device = next(model.parameters()).device
    for start in range(0, len(rows), BATCH_ROWS):
        batch = rows.select(slice(start, start + BATCH_ROWS))
        inputs = spread(
            model.config, *(torch.as_tensor(cells).to(device) for cells in (batch.numbers, batch.categories))
        )
        for column in range(len(encoder.columns)):
            numbers = np.flatnonzero(column_of_number == column)
            categories = np.flatnonzero(column_of_category == column)
            if len(numbers) or len(categories):
                _predict_column(model, inputs, predictions, start, numbers, categories)
    return predictions


def _predict_column(
    model: TableAutoencoder,
    inputs: tuple[Tensor, Tensor, Tensor],
    predictions: CellPredictions,
    start: int,
    numbers: np.ndarray,
    categories: np.ndarray,
) -> None:
    """Fill the predictions of one column's features for the batch that begins at row `start`."""
    values, visible, ids = (tensor.clone() for tensor in inputs)  # (members, batch, features) each
    values[..., numbers], visible[..., numbers], ids[..., categories] = 0, 0, HIDDEN
    out = model(values, visible, ids)
    batch = slice(start, start + values.shape[1])
    predictions.numbers[batch, numbers] = out.numbers.mean(0)[:, numbers].cpu().numpy()
    probabilities = model.log_probabilities(out.logits).exp().mean(0)  # (batch, ids of all features)
    for feature in categories:
        first = int(model.starts[feature]) + RARE + 1  # missing, hidden and rare are no values to impute
        values_of = probabilities[:, first : int(model.starts[feature]) + model.config.sizes[feature]]
        if values_of.shape[1]:
            best = values_of.max(1)
            predictions.ids[batch, feature] = best.indices.cpu().numpy() + RARE + 1
            predictions.probabilities[batch, feature] = best.values.cpu().numpy()
