"""A trained network at work on tables: what each cell should be, given the others of its row; holes filled, odd cells mended."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from plugins.denoising_ae.models import artifact
from training.artifact.safetensors_io import damaged
from training.data.table_stream import stream_table
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import ABSENT, HIDDEN, RARE, Encoded, NumberFeature
from training.data.tabular.inverse import spelled_number
from training.errors import UserError
from training.nn.tabular_autoencoder import NetworkConfig, TableAutoencoder, spread

if TYPE_CHECKING:
    from training.data.table import Table

PIECE = 512  # rows of a forward pass
CHANGES = "changes"
LEAST_LIMIT = 3.0  # deviations that a number must be off at least before it is mended …
BEYOND = 1.25  # … and this times as far as the furthest training cell
LEAST_CHANCE = 0.9  # of what takes the place of a category that does not fit


@dataclass(frozen=True, eq=False)
class RestoredCells:
    """What the network would put into each cell, that cell being hidden.

    Args:
        numbers: Scaled, (rows, number features).
        ids: The likeliest category, missing and rare left out, (rows, category features).
        chances: How likely it is, the same shape.
    """

    numbers: np.ndarray
    ids: np.ndarray
    chances: np.ndarray

    def furthest(self, rows: Encoded) -> list[float]:
        """The largest absolute error of each number feature over its known cells."""
        return [float(column.max(initial=0.0)) for column in np.nan_to_num(np.abs(self.numbers - rows.numbers)).T]


@torch.no_grad()
def restored_cells(model: TableAutoencoder, encoder: TableEncoder, rows: Encoded) -> RestoredCells:
    """Hide the columns one after the other, all their features together, and see what comes back."""
    of_number, of_category = encoder.owners()
    numbers = np.zeros_like(rows.numbers)
    ids, chances = np.zeros(rows.categories.shape, np.int64), np.zeros(rows.categories.shape, np.float32)
    device = next(model.parameters()).device
    for start in range(0, len(rows), PIECE):
        piece = rows.select(slice(start, start + PIECE))
        clean = [torch.as_tensor(each).to(device) for each in (piece.numbers, piece.categories)]
        for place in range(len(encoder.columns)):
            mine, its = np.flatnonzero(of_number == place), np.flatnonzero(of_category == place)
            if not len(mine) and not len(its):
                continue
            shown, visible, seen = (each.clone() for each in spread(model.config, *clean))
            shown[..., mine], visible[..., mine], seen[..., its] = 0, 0, HIDDEN
            out = model(shown, visible, seen)
            numbers[start : start + PIECE, mine] = out.numbers.mean(0)[:, mine].cpu().numpy()
            logs = model.log_probabilities(out.logits).exp().mean(0)
            for feature in its:
                first = int(model.starts[feature])
                found = logs[:, first + RARE + 1 : first + encoder.categories[feature].size]
                if found.shape[1]:
                    best = found.max(1)
                    ids[start : start + PIECE, feature] = best.indices.cpu().numpy() + RARE + 1
                    chances[start : start + PIECE, feature] = best.values.cpu().numpy()
    return RestoredCells(numbers, ids, chances)


class Restorer:
    """Encoder, network, and how far off training cells were, of one artifact."""

    def __init__(self, about: dict[str, Any], tensors: dict[str, Any]):
        self.encoder = TableEncoder.from_dict(about["encoder"])
        self.furthest = about["furthest"]
        self.model = TableAutoencoder(NetworkConfig.from_dict(about["network"]))
        self.model.load_state_dict(tensors)
        self.model.eval()

    @classmethod
    def load(cls, folder: Path) -> Restorer:
        """Read an artifact.

        Raises:
            UserError: If a file is missing, damaged, or of another format.
        """
        from plugins.denoising_ae.tables.data import ARCHITECTURE

        about = artifact.read_about(folder, ARCHITECTURE)
        try:
            return cls(about, artifact.read_tensors(folder))
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise damaged(error) from error

    def mend(self, table: Table) -> dict[str, list[str | None]]:
        """The table's columns as text, holes filled and odd cells mended, and a column `changes` that says which.

        A number is mended where it is further from what the others say than any of 2,000 training rows was, by a quarter, and
        at least three deviations; a category where training never had it and another is at least nine tenths likely.
        """
        rows = self.encoder.encode(table)
        found = restored_cells(self.model, self.encoder, rows)
        columns: dict[str, list[str | None]] = {
            name: table.strings(name) for name in table.names if _is_text(table, name)
        }
        changes: list[list[str]] = [[] for _ in range(len(table))]
        for name, cells in self._mended(rows, found, columns):
            for row, value in cells:
                changes[row].append(f"{name}: {columns[name][row] or '(missing)'} -> {value}")
                columns[name][row] = value
        return {**columns, CHANGES: ["; ".join(each) or None for each in changes]}

    def _mended(
        self, rows: Encoded, found: RestoredCells, columns: dict[str, list[str | None]]
    ) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        """Column -> (row, new value) of the cells to change."""
        for place, feature in enumerate(self.encoder.numbers):
            if feature.part not in ("", "day"):
                continue
            missing = np.isnan(rows.numbers[:, place])
            off = np.abs(found.numbers[:, place] - rows.numbers[:, place]) > max(
                BEYOND * self.furthest[place], LEAST_LIMIT
            )
            where = np.flatnonzero(missing | off)
            yield feature.column, [(int(row), _spelled(feature, float(found.numbers[row, place]))) for row in where]
        for place, feature in enumerate(self.encoder.categories):
            if feature.part or not feature.values:
                continue
            given, sure = rows.categories[:, place], found.chances[:, place] >= LEAST_CHANCE
            empty = np.asarray(
                [not cell for cell in columns[feature.column]]
            )  # hidden, where training had no empty cell
            where = np.flatnonzero((given == ABSENT) | empty | ((given == HIDDEN) & sure))
            yield feature.column, [(int(row), feature.spelled(int(found.ids[row, place]))) for row in where]


def _spelled(feature: NumberFeature, scaled: float) -> str:
    """As the column writes its numbers: whole where training's were (between whole numbers some percentiles are not)."""
    quantiles = np.asarray(feature.scaler.quantiles)
    if feature.part == "" and (quantiles == np.round(quantiles)).mean() > 0.5:
        return f"{float(feature.scaler.restored(np.asarray([scaled]))[0]):.0f}"
    return spelled_number(feature, scaled)


def mend_file(model: Restorer, file: Path) -> Path:
    """A table's file mended, as CSV; piece by piece."""
    import csv

    if not isinstance(model, Restorer):
        raise UserError("These weights denoise pictures. Choose those of a run of `tables`.")
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{file.name.split('.')[0]}-mended.csv"
    with target.open("w", newline="", encoding="utf-8") as out:
        writer, header = csv.writer(out), False
        for piece in stream_table(file, 10_000):
            columns = model.mend(piece)
            if not header:
                writer.writerow(columns)
                header = True
            writer.writerows(zip(*columns.values(), strict=True))
    return target


def _is_text(table: Table, name: str) -> bool:
    from training.data.arrow import as_text

    return as_text(table.column(name)) is not None
