"""The detector as a scikit-learn estimator: it drops into a Pipeline, fits arrays and data frames, and loads pushed weights."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, OutlierMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from plugins.ae_anomaly import PLUGIN
from plugins.ae_anomaly.fit.data import prepare
from plugins.ae_anomaly.fit.predictor import AnomalyPredictor
from plugins.ae_anomaly.fit.settings import FitSettings
from plugins.ae_anomaly.fit.task import build
from training.data.arrow import plain
from training.data.column_names import check_names
from training.data.json_table import column_of
from training.data.table import Table
from training.data.tabular.encoder import TableEncoder
from training.errors import UserError
from training.fit.loop import fit
from training.runs.registry import Runs
from training.settings import parse_settings
from training.weights import resolve_weights

PRESETS = {"fast": ("fast", 400), "balanced": ("balanced", 1000), "thorough": ("thorough", 4000)}  # size, steps
FEWEST_ROWS = 2  # as few as scikit-learn's own detectors take


class AnomalyAutoencoder(OutlierMixin, TransformerMixin, BaseEstimator):
    """Learn what is normal in a table; `score_samples` is low where a row is anomalous, as in scikit-learn's own detectors.

    Args:
        preset: "fast", "balanced" or "thorough".
        contamination: Share of the training rows that `predict` calls anomalies (-1); of pretrained weights, of their calibration rows.
        steps: Optimiser steps; None: the preset's.
        latent_size: Numbers a row that `transform` gives.
        eval_share: Share of the rows kept back to calibrate with; at least 50 of 500 rows.
        random_state: Seed, or a generator that draws one, or None for 0.
        settings: Further settings of `fit`, by name.
    """

    def __init__(
        self,
        preset: str = "balanced",
        contamination: float = 0.01,
        steps: int | None = None,
        latent_size: int = 16,
        eval_share: float = 0.05,
        random_state: int | np.random.RandomState | None = 0,
        settings: dict[str, Any] | None = None,
    ):
        self.preset, self.contamination, self.steps = preset, contamination, steps
        self.latent_size, self.eval_share, self.random_state = latent_size, eval_share, random_state
        self.settings = settings

    def fit(self, X: Any, y: Any = None) -> AnomalyAutoencoder:  # noqa: N803 - scikit-learn's name
        """Train on the rows of X: a data frame of any columns, or an array of numbers. `y` is not looked at."""
        table = self._table(X, reset=True)
        chosen = self._settings().with_usual()
        if not _is_frame(X) and not chosen.columns:  # an array holds numbers alone, whatever they look like
            chosen = chosen.model_copy(update={"columns": ", ".join(f"{name}=number" for name in table.names)})
        data = prepare(table, chosen, fewest=FEWEST_ROWS)
        _warn_of_ignored(data.encoder)
        with tempfile.TemporaryDirectory() as folder:
            fit(build(data, chosen), chosen, Path(folder))
            self.detector_ = AnomalyPredictor.load(Path(folder) / "artifact")
        self.offset_ = float(np.percentile(-self.detector_.scores(table)[0], 100 * self.contamination))
        return self

    @classmethod
    def from_pretrained(cls, name: str) -> AnomalyAutoencoder:
        """Load weights: a folder, a run's id, or owner/repo[@revision] of the Hub."""
        made: Any = cls()
        made.pretrained_ = True
        made.detector_ = AnomalyPredictor.load(resolve_weights(name, PLUGIN.starters, Runs(), allow_folder=True))
        made.n_features_in_ = len(made.detector_.encoder.columns)
        made.feature_names_in_ = np.asarray(made.detector_.encoder.columns, dtype=object)
        made.offset_ = float(np.percentile(-made.detector_.calibration.scores, 100 * made.contamination))
        return made

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """Minus the anomaly score, (rows,)."""
        check_is_fitted(self, "detector_")
        return -self.detector_.scores(self._table(X))[0]

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """Below 0 where a row is called an anomaly, (rows,)."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """-1 for anomalies, 1 for the others, (rows,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Latent features, (rows, latent)."""
        check_is_fitted(self, "detector_")
        table = self._table(X)
        return self.detector_.probe(self.detector_.encoder.encode(table)).latent

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """latent_0, latent_1, …"""
        check_is_fitted(self, "detector_")
        return np.asarray([f"latent_{n}" for n in range(self.detector_.model.config.latent_size)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.non_deterministic = False
        tags.transformer_tags.preserves_dtype = ["float32"]  # the network's own
        return tags

    def _settings(self) -> FitSettings:
        if self.preset not in PRESETS:
            raise UserError(f"preset: {self.preset!r} was given; there are: {', '.join(PRESETS)}.")
        size, steps = PRESETS[self.preset]
        values: dict[str, Any] = {"size": size, "steps": self.steps or steps, "latent_size": self.latent_size}
        values |= {"eval_share": self.eval_share, "seed": self._seed(), "ema_decay": 0.98, "device": "cpu"}
        return parse_settings(FitSettings, values | (self.settings or {}))

    def _seed(self) -> int:
        if self.random_state is None or isinstance(self.random_state, int | np.integer):
            return int(self.random_state or 0)
        return int(check_random_state(self.random_state).randint(2**31))

    def _table(self, X: Any, reset: bool = False) -> Table:  # noqa: N803
        """A frame with its columns, an array with columns x0, x1, …"""
        if _is_frame(X):
            if not hasattr(self, "pretrained_"):  # weights from elsewhere find their columns among others, in any order
                validate_data(self, X, reset=reset, skip_check_array=True)
            if not len(X) or not len(X.columns):
                raise UserError(
                    f"The data frame has {len(X)} rows and {len(X.columns)} columns: nothing to learn or score."
                )
            names = [str(name) for name in X.columns]
            check_names(names, "The data frame")
            cells = {name: _frame_column(X.iloc[:, place]) for place, name in enumerate(names)}
            return Table(cells, np.arange(1, len(X) + 1), (), "the data frame", "")
        array: Any = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2 if reset else 1)  # fmt: skip
        names = self.detector_.encoder.columns if hasattr(self, "detector_") and not reset else []
        names = names if len(names) == array.shape[1] else [f"x{n}" for n in range(array.shape[1])]
        columns = {name: pa.chunked_array([pa.array(array[:, n])]) for n, name in enumerate(names)}
        return Table(columns, np.arange(1, len(array) + 1), (), "the array", "")


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "dtypes")


def _frame_column(series: Any) -> pa.ChunkedArray:
    """A column of a data frame as Arrow has it; objects of several kinds as those of a JSON file are read."""
    try:
        values = plain(pa.chunked_array([pa.array(series, from_pandas=True)]))
        if not pa.types.is_struct(values.type):  # as intervals are
            return values
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    missing = series.isna().to_numpy()
    cells = [None if is_missing else _cell(cell) for cell, is_missing in zip(series, missing, strict=True)]
    return pa.chunked_array([column_of(cells, str(series.name), {})])


def _cell(cell: object) -> Any:
    """A cell as JSON could hold it."""
    cell = cell.item() if isinstance(cell, np.generic) else cell
    return cell if isinstance(cell, str | bool | int | float) else str(cell)


def _warn_of_ignored(encoder: TableEncoder) -> None:
    """Say which columns are not learned from: nobody sees the preflight sheet here."""
    ignored = [
        f"{column.name!r} ({column.reason})"
        for column in encoder.kinds
        if column.kind == "ignore" and column.reason != "as you said"
    ]
    if ignored:
        advice = "Set settings={'columns': 'NAME=number'} or NAME=category to learn from them, NAME=ignore to be sure."
        warnings.warn(f"{len(ignored)} columns are left out: {', '.join(ignored[:20])}. {advice}", stacklevel=3)
