"""A fitted detector at work: scores and reasons for rows of any table with its columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.ae_anomaly import artifact, scoring
from plugins.ae_anomaly.calibration import Calibration
from training.artifact.safetensors_io import damaged, read_tensors
from training.data.table import Table
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import HIDDEN, SPECIAL, Encoded
from training.data.tabular.inverse import spelled_number
from training.nn.tabular_autoencoder import NetworkConfig, TableAutoencoder, spread


class Detector:
    """Encoder, network, memory and calibration of one artifact."""

    def __init__(self, about: dict[str, Any], tensors: dict[str, torch.Tensor]):
        self.encoder = TableEncoder.from_dict(about["encoder"])
        self.label, self.calibrated_on = about["label"], about["calibrated_on"]
        self.normal_value = about.get("normal_value", "")
        self.model = TableAutoencoder(NetworkConfig.from_dict(about["network"]))
        prefix = "network."
        weights = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        self.model.load_state_dict(weights)
        self.model.eval()
        remembered = (tensors[f"memory.{name}"].float() for name in ("inputs", "latents"))
        self.memory = scoring.Memory(*remembered, numbers=self.model.config.numbers)
        names = ("mean", "scale", "weights", "scores", "columns")
        self.calibration = Calibration(*(tensors[f"calibration.{name}"].double().numpy() for name in names))
        self.remembered: dict[Any, Any] = {}  # scores of the files that were asked for last

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read an artifact.

        Raises:
            UserError: If a file is missing, damaged, or of another format.
        """
        about = artifact.read_about(folder)
        try:
            return cls(about, read_tensors(folder))
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise damaged(error) from error

    def probe(self, rows: Encoded) -> scoring.Probe:
        """Errors and distances of encoded rows."""
        return scoring.probe(self.model, rows, self.encoder, self.memory)

    def scores(self, table: Table) -> tuple[np.ndarray, scoring.Probe]:
        """Scores, (rows,), and the probe behind them."""
        found = self.probe(self.encoder.encode(table))
        return self.calibration.score(found), found

    @torch.inference_mode()
    def expected(self, rows: Encoded, row: int) -> dict[str, tuple[str, float]]:
        """What the model would have put into each cell, given the others: column -> value, probability (1 for numbers)."""
        one = rows.select(slice(row, row + 1))
        numbers, ids = torch.as_tensor(one.numbers), torch.as_tensor(one.categories)
        shown, visible, seen = (
            each.repeat(1, len(self.encoder.columns), 1) for each in spread(self.model.config, numbers, ids)
        )
        of_number, of_category = self.encoder.owners()
        for place in range(len(self.encoder.columns)):  # row `place` of the batch hides column `place`
            visible[:, place, of_number == place], shown[:, place, of_number == place] = 0, 0
            seen[:, place, of_category == place] = HIDDEN
        if not self.model.hides:  # a network that never saw a hole is shown the cell, and what it makes of it counts
            shown, visible, seen = (
                each.repeat(1, len(self.encoder.columns), 1) for each in spread(self.model.config, numbers, ids)
            )
        out = self.model(shown, visible, seen)
        logs = self.model.log_probabilities(out.logits).exp().mean(0)
        values: dict[str, tuple[str, float]] = {}
        for place, feature in enumerate(self.encoder.numbers):
            guess = float(out.numbers[:, of_number[place], place].mean())
            if feature.part in ("", "day"):
                values[feature.column] = (spelled_number(feature, guess), 1.0)
        for place, feature in enumerate(self.encoder.categories):
            start = int(self.model.starts[place])
            chances = logs[of_category[place], start + 1 : start + feature.size]
            best = int(chances.argmax())
            if not feature.part or best + 1 < len(SPECIAL):
                values[feature.column] = (feature.spelled(best + 1), float(chances[best]))
        return values | {name: (value, 1.0) for name, value in self.encoder.constants.items() if name not in values}
