"""Weights of `fit` at work: anomaly scores, reasons and expected values for rows of any table with the trained columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from plugins.ae_anomaly.detector import row_errors, store
from plugins.ae_anomaly.detector.calibration import Calibration
from plugins.ae_anomaly.detector.counterfactual import counterfactual
from plugins.ae_anomaly.detector.embeddings import category_vectors, number_vectors
from plugins.ae_anomaly.detector.file_scores import MIN_REASON_PERCENT, Reasons
from plugins.ae_anomaly.detector.records import records_table
from plugins.ae_anomaly.detector.scored_file import score_file
from plugins.ae_anomaly.detector.thresholds import parse_threshold
from plugins.ae_anomaly.fit.endpoints import DetectAnomalies
from training.artifact.safetensors_io import damaged, read_tensors
from training.data.predictions_csv import temporary_file
from training.data.table import Table
from training.data.table_stream import stream_table
from training.data.tabular.booleans import same_value
from training.data.tabular.cells import number_column
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.features import ABSENT, HIDDEN, SPECIAL, Encoded
from training.data.tabular.inverse import spelled_category, spelled_date, spelled_number
from training.data.tabular.numbers import spell_number
from training.errors import UserError
from training.nn.tabular_autoencoder import NetworkConfig, TableAutoencoder, spread


class AnomalyPredictor(DetectAnomalies):
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
        self.memory = row_errors.ReferenceRows(*remembered, numbers=self.model.config.numbers)
        names = ("mean", "scale", "weights", "scores", "columns")
        known = (tensors[f"calibration.{name}"].double().numpy() for name in names)
        self.calibration = Calibration(*known, by_tails=about["format"] == store.BY_TAILS)
        self.remembered: dict[Any, Any] = {}  # scores of the files that were asked for last

    @classmethod
    def load(cls, folder: Path) -> AnomalyPredictor:
        """Read an artifact.

        Raises:
            UserError: If a file is missing, damaged, or of another format.
        """
        about = store.read_detector_config(folder)
        try:
            return cls(about, read_tensors(folder))
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise damaged(error) from error

    def probe(self, rows: Encoded) -> row_errors.RowErrors:
        """Errors and distances of encoded rows."""
        return row_errors.measure_rows(self.model, rows, self.encoder, self.memory)

    def scores(self, table: Table) -> tuple[np.ndarray, row_errors.RowErrors]:
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
        dates: dict[str, dict[str, Any]] = {}
        for place, feature in enumerate(self.encoder.numbers):
            guess = float(out.numbers[:, of_number[place], place].mean())
            if not feature.part:
                text = spelled_number(self.encoder.column(feature.column), feature, guess)
                values[feature.column] = (text, 1.0)
            else:
                dates.setdefault(feature.column, {})[feature.part] = (feature, guess)
        for name, parts in dates.items():
            if "day" in parts:
                values[name] = (spelled_date(self.encoder.column(name), parts), 1.0)
        for place, feature in enumerate(self.encoder.categories):
            start = int(self.model.starts[place])
            chances = logs[of_category[place], start + 1 : start + feature.size]
            best = int(chances.argmax())
            if not feature.part or best + 1 < len(SPECIAL):
                text = spelled_category(self.encoder.column(feature.column), feature, best + 1)
                values[feature.column] = (text, float(chances[best]))
        return values | {name: (value, 1.0) for name, value in self.encoder.constants.items() if name not in values}

    # -- endpoints -------------------------------------------------------------------------------------------------

    def score_file(self, file: Path, threshold: str = "") -> Path:
        return score_file(self, file, threshold)

    def score(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        encoded = self.encoder.encode(records_table(self, rows))
        found = self.probe(encoded)
        scores = self.calibration.score(found)
        p_values = self.calibration.p_values(scores)
        limit = parse_threshold("", self.calibration.scores, scores, p_values)
        reasons, names = Reasons.of(self.calibration.shares(found), encoded.unseen), self.encoder.columns
        return [
            {
                "anomaly_score": round(float(value), 6),
                "p_value": round(float(p), 6),
                "is_anomalous": bool(value >= limit),
                "reasons": [
                    {"column": names[column], "share": int(percent) / 100, "seen_in_training": not unseen}
                    for column, percent, unseen in zip(
                        reasons.columns[row], reasons.percent[row], reasons.unseen[row], strict=True
                    )
                    if percent >= MIN_REASON_PERCENT
                ],
            }
            for row, (value, p) in enumerate(zip(scores, p_values, strict=True))
        ]

    def explain(self, row: dict[str, Any]) -> dict[str, Any]:
        table = records_table(self, [row])
        encoded = self.encoder.encode(table)
        found = self.probe(encoded)
        expected = self.expected(encoded, 0)
        shares = self._shares(self.calibration.shares(found)[0], row, expected)
        columns = [
            {
                "column": name,
                "actual": row.get(name),
                "expected": expected.get(name, ("", 0.0))[0],
                "probability": round(expected.get(name, ("", 0.0))[1], 4),
                "share": round(float(share), 4),
                "percentile": self._percentile(name, row.get(name)),
                "expected_percentile": self._percentile(name, expected.get(name, (None,))[0]),
            }
            for name, share in zip(self.encoder.columns, shares, strict=True)
        ]
        columns.sort(key=lambda one: -one["share"])
        about = {name: value for name, value in self.score([row])[0].items() if name != "reasons"}
        return {**about, "columns": columns, "repair": counterfactual(self, row)}

    def _shares(self, shares: np.ndarray, row: dict[str, Any], expected: dict[str, tuple[str, float]]) -> np.ndarray:
        """The columns' shares without those whose cell is what was expected, (columns,), summing to 1 again, or to 0."""
        differs = [not self._is_same(name, row.get(name), expected.get(name)) for name in self.encoder.columns]
        kept = np.where(differs, shares, 0.0)
        return kept / max(kept.sum(), 1e-9)

    def _is_same(self, name: str, cell: object, expected: tuple[str, float] | None) -> bool:
        """Whether a cell says what was expected, however either is spelled."""
        if expected is None or cell is None:
            return expected is not None and expected[0] == SPECIAL[ABSENT]
        number = self.number(name, cell)
        if number is not None:
            return spell_number(number, self.encoder.column(name).numbers) == expected[0]
        return str(cell).strip() == expected[0] or same_value(str(cell).strip(), (expected[0],)) is not None

    def _percentile(self, column: str, cell: object) -> float | None:
        """Where a number lies among the training rows, 0 to 100; None for what is no number."""
        feature = next((one for one in self.encoder.numbers if one.column == column and not one.part), None)
        if feature is None or cell is None:
            return None
        value = self.number(column, cell)
        if value is None:
            return None
        return round(float(np.interp(value, feature.scaler.quantiles, np.linspace(0, 100, 101))), 1)

    def number(self, column: str, cell: object) -> float | None:
        """What a cell of a column says, as the encoder reads it; None for what is no finite number."""
        if cell is None or self.encoder.column(column).kind != "number":
            return None
        values, _ = number_column(pa.chunked_array([pa.array([cell])]), self.encoder.column(column))
        return float(values[0]) if np.isfinite(values[0]) else None

    def encode_file(self, file: Path) -> Path:
        target, writer = temporary_file(file.name, "-latent.parquet"), None
        for piece in stream_table(file):
            latent = self.probe(self.encoder.encode(piece)).latent
            table = pa.table({f"latent_{n}": latent[:, n] for n in range(latent.shape[1])})
            writer = writer or pq.ParquetWriter(target, table.schema)
            writer.write_table(table)
        if writer:
            writer.close()
        return target

    def embeddings(self, column: str) -> list[dict[str, Any]]:
        encoder = self.encoder
        category = next((n for n, one in enumerate(encoder.categories) if one.column == column and not one.part), None)
        number = next(
            (n for n, one in enumerate(encoder.numbers) if one.column == column and one.part in ("", "day")), None
        )
        if category is None and number is None:
            raise UserError(
                f"Column {column!r} is none that this model learned from; those are: {', '.join(encoder.columns[:40])}."
            )
        return category_vectors(self, category) if category is not None else number_vectors(self, number or 0)


def load(folder: Path) -> AnomalyPredictor:
    """Read an artifact.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    return AnomalyPredictor.load(folder)
