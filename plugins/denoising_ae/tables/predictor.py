"""Trained weights of `tables` at work: missing cells imputed, implausible ones corrected."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from plugins.denoising_ae.models.artifact import damaged_weights_refused, read_config, read_tensors
from plugins.denoising_ae.tables.cell_predictions import CellPredictions, predict_masked_cells
from plugins.denoising_ae.tables.endpoints import DenoiseTables
from training.data.arrow import spelled_cells
from training.data.table_stream import stream_table
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import ABSENT, HIDDEN, Encoded, NumberFeature
from training.data.tabular.inverse import spelled_category, spelled_date, spelled_number
from training.nn.tabular_autoencoder import NetworkConfig, TableAutoencoder

if TYPE_CHECKING:
    from training.data.table import Table

ARCHITECTURE = "TableDenoiser"
CHUNK_ROWS = 10_000
CHANGES = "changes"
MIN_DEVIATION = 3.0  # standard deviations that a number must be off before it is corrected …
ERROR_MARGIN = 1.25  # … and this multiple of the largest error over training cells
MIN_PROBABILITY = 0.9  # of the category that replaces an unknown one
Changes = Iterator[tuple[str, list[tuple[int, str]]]]  # column, (row, new value) of the cells to change


class TableImputationPredictor(DenoiseTables):
    """Encoder and network of an artifact, and the largest errors over training cells."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, Tensor]):
        self.encoder = TableEncoder.from_dict(config["encoder"])
        self.max_errors: list[float] = config["max_errors"]
        self.model = TableAutoencoder(NetworkConfig.from_dict(config["network"]))
        self.model.load_state_dict(tensors)
        self.model.eval()

    def denoise_table(self, file: Path) -> Path:
        target = Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{file.name.split('.')[0]}-imputed.csv"
        with target.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            for number, chunk in enumerate(stream_table(file, CHUNK_ROWS)):
                columns = self.impute(chunk)
                if number == 0:
                    writer.writerow(columns)
                writer.writerows(zip(*columns.values(), strict=True))
        return target

    def impute(self, table: Table) -> dict[str, list[str | None]]:
        """The table's columns as text, imputed and corrected, and a column `changes` that lists what changed.

        A number is corrected if its error exceeds that of all of 2,000 training rows by a quarter, and three standard
        deviations; a category if training never had it and another has a probability of 0.9 or more.
        """
        rows = self.encoder.encode(table)
        predictions = predict_masked_cells(self.model, self.encoder, rows)
        columns = {name: spelled_cells(table.column(name)) for name in table.names}
        changes: list[list[str]] = [[] for _ in range(len(table))]
        for name, cells in self._changes(rows, predictions, columns):
            for row, value in cells:
                changes[row].append(f"{name}: {columns[name][row] or '(missing)'} -> {value}")
                columns[name][row] = value
        listed = ["; ".join(texts) or None for texts in changes]
        return {**{_free_name(name, columns): cells for name, cells in columns.items()}, CHANGES: listed}

    def _changes(self, rows: Encoded, predictions: CellPredictions, columns: dict[str, list[str | None]]) -> Changes:
        yield from self._number_changes(rows, predictions)
        yield from self._category_changes(rows, predictions, columns)

    def _number_changes(self, rows: Encoded, predictions: CellPredictions) -> Changes:
        for index, feature in enumerate(self.encoder.numbers):
            if feature.part not in ("", "day"):  # the other parts of a date follow from its day
                continue
            given, predicted = rows.numbers[:, index], predictions.numbers[:, index]
            limit = max(ERROR_MARGIN * self.max_errors[index], MIN_DEVIATION)
            changed = np.flatnonzero(np.isnan(given) | (np.abs(predicted - given) > limit))
            yield feature.column, [(int(row), self._spelled(feature, predictions, int(row))) for row in changed]

    def _spelled(self, feature: NumberFeature, predictions: CellPredictions, row: int) -> str:
        """The predicted number or date of a row, as the column writes its own."""
        column = self.encoder.column(feature.column)
        scaled = {
            other.part: (other, float(predictions.numbers[row, index]))
            for index, other in enumerate(self.encoder.numbers)
            if other.column == feature.column
        }
        return spelled_date(column, scaled) if feature.part else spelled_number(column, *scaled[""])

    def _category_changes(
        self, rows: Encoded, predictions: CellPredictions, columns: dict[str, list[str | None]]
    ) -> Changes:
        for index, feature in enumerate(self.encoder.categories):
            if feature.part or not feature.values:
                continue
            given, predicted = rows.categories[:, index], predictions.ids[:, index]
            certain = predictions.probabilities[:, index] >= MIN_PROBABILITY
            # Where training had no missing cell, a missing one is encoded as HIDDEN, as an unknown value is.
            empty = np.asarray([self._is_missing(feature.column, cell) for cell in columns[feature.column]])
            changed = np.flatnonzero((given == ABSENT) | empty | ((given == HIDDEN) & certain))
            column = self.encoder.column(feature.column)
            spelled = [(int(row), spelled_category(column, feature, int(predicted[row]))) for row in changed]
            yield feature.column, spelled

    def _is_missing(self, name: str, cell: str | None) -> bool:
        words = ("",) if self.encoder.column(name).literal else self.encoder.missing
        return cell is None or cell.strip() in words


def _free_name(name: str, taken: Collection[str]) -> str:
    """A column's name, but that of the list of changes is ours: then with as many _before as it takes to be new."""
    if name != CHANGES:
        return name
    while name == CHANGES or name in taken:
        name = f"{name}_before"
    return name


def load(folder: Path) -> TableImputationPredictor:
    """Read an artifact.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    config = read_config(folder, ARCHITECTURE)
    with damaged_weights_refused():
        return TableImputationPredictor(config, read_tensors(folder))
