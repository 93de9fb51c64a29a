"""A fitted detector at work: scores and reasons for rows of any table with its columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.ae_anomaly import scoring
from training.data import Table
from training.errors import UserError
from training.preflight import Finding
from training.tabular.encoder import HIDDEN, SPECIAL, Encoded, TableEncoder
from training.tabular.network import NetworkConfig, TableAutoencoder, spread

SHOWN_DIGITS = 6


class Detector:
    """Encoder, network, memory and calibration of one artifact."""

    def __init__(self, about: dict[str, Any], tensors: dict[str, torch.Tensor]):
        self.encoder = TableEncoder.from_dict(about["encoder"])
        self.label, self.calibrated_on = about["label"], about["calibrated_on"]
        self.model = TableAutoencoder(NetworkConfig.from_dict(about["network"]))
        prefix = "network."
        weights = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        self.model.load_state_dict(weights)
        self.model.eval()
        self.memory = scoring.Memory(tensors["memory.inputs"].float(), tensors["memory.latents"].float())
        names = ("mean", "scale", "weights", "scores", "columns")
        self.calibration = scoring.Calibration(*(tensors[f"calibration.{name}"].double().numpy() for name in names))
        self.sample = tensors["sample.numbers"].numpy(), tensors["sample.latent"].numpy()

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read an artifact.

        Raises:
            UserError: If a file is missing, damaged, or of another format.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            if about.get("architecture") != "TableAutoencoder" or about.get("format") != 1:
                raise UserError(f"These weights are {about.get('architecture', 'unknown')} of format {about.get('format', '?')}; ae_anomaly reads TableAutoencoder of format 1.")  # fmt: skip
            return cls(about, load_file(folder / "model.safetensors"))
        except UserError:
            raise
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise UserError(f"These weights cannot be read ({type(error).__name__}): a file is missing or ends early. Fetch them again.") from error  # fmt: skip

    def probe(self, rows: Encoded) -> scoring.Probe:
        """Errors and distances of encoded rows."""
        return scoring.probe(self.model, rows, self.encoder, self.memory)

    def scores(self, table: Table) -> tuple[np.ndarray, np.ndarray, scoring.Probe, list[Finding]]:
        """Scores and p-values, (rows,) each, the probe behind them, and what is to be said of the table."""
        rows = self.encoder.encode(table)
        found = self.probe(rows)
        scores = self.calibration.score(found)
        return scores, self.calibration.p_values(scores), found, self.encoder.findings(table, rows)

    def reasons(self, found: scoring.Probe, top: int = 3) -> list[list[tuple[str, float]]]:
        """For each row the columns that are most to blame, with their shares."""
        shares, names = self.calibration.shares(found), self.encoder.columns
        order = np.argsort(-shares, axis=1, kind="stable")[:, :top]
        return [[(names[c], float(share[c])) for c in each if share[c] > 0.02] for each, share in zip(order, shares, strict=True)]  # fmt: skip

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
                back = float(feature.scaler.restored(np.asarray([guess]))[0])
                values[feature.column] = (_as_date(back) if feature.part == "day" else f"{back:.{SHOWN_DIGITS}g}", 1.0)
        for place, feature in enumerate(self.encoder.categories):
            start = int(self.model.starts[place])
            chances = logs[of_category[place], start + 1 : start + feature.size]
            best = int(chances.argmax())
            if not feature.part or best + 1 < len(SPECIAL):
                values[feature.column] = (feature.spelled(best + 1), float(chances[best]))
        return values | {name: (value, 1.0) for name, value in self.encoder.constants.items() if name not in values}


def _as_date(days: float) -> str:
    limits = np.clip(np.round(days), -700_000, 2_900_000)
    return str(np.datetime64(int(limits), "D"))
