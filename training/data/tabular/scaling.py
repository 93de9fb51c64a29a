"""Scale numbers, and invert it: standard, robust, or with long tails compressed (asinh, quantiles)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Scaling = Literal["auto", "standard", "robust", "log", "quantile"]
LIMIT = 1e4  # deviations at which scaled values are clipped
LONG_TAIL = 30.0  # deviations of the furthest value from the median, above which `auto` compresses the tails
QUANTILES = 100


@dataclass(frozen=True)
class Scaler:
    """value -> (bend(value) - center) / scale, where bend is the identity, asinh, or the training rows' own quantiles.

    Args:
        bend: "linear", "asinh" (of the distance from `middle` in units of `unit`) or "quantile".
        quantiles: The training rows' 0th to 100th percentiles; also what drift and the histograms compare with.
    """

    bend: str
    center: float
    scale: float
    middle: float
    unit: float
    quantiles: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Scaler:
        """Restore a scaler from the values of `asdict`, also after JSON."""
        return cls(**{**values, "quantiles": tuple(values["quantiles"])})

    @classmethod
    def fit(cls, values: np.ndarray, scaling: Scaling) -> Scaler:
        """Measure the finite values of one column, float64 (rows,)."""
        finite = values[np.isfinite(values)]
        finite = finite if len(finite) else np.zeros(1)
        quantiles = np.quantile(finite, np.linspace(0, 1, QUANTILES + 1))
        middle, unit = float(quantiles[50]), _unit(finite, quantiles)
        bend = {"log": "asinh", "quantile": "quantile"}.get(scaling, "linear")
        if scaling == "auto" and _has_long_tail(finite, middle):
            bend = "asinh"
        raw = cls(bend, 0.0, 1.0, middle, unit, tuple(map(float, quantiles)))
        if scaling == "robust":
            return cls(bend, middle, unit, middle, unit, raw.quantiles)
        bent = raw.bent(finite)
        center = float(bent.mean())
        return cls(bend, center, _positive(float(bent.std()), center), middle, unit, raw.quantiles)

    def bent(self, values: np.ndarray) -> np.ndarray:
        if self.bend == "asinh":
            return np.arcsinh((values - self.middle) / self.unit)
        if self.bend == "quantile":
            inside = np.interp(values, self.quantiles, np.linspace(-1.7, 1.7, QUANTILES + 1))
            low, high = self.quantiles[0], self.quantiles[-1]
            beyond = np.where(values < low, values - low, np.where(values > high, values - high, 0.0))
            return inside + beyond / self.unit
        return values

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Scale values to float32 in [-1e4, 1e4]; NaN stays NaN, infinities become the limit."""
        with np.errstate(over="ignore", invalid="ignore"):
            out = (self.bent(values) - self.center) / self.scale
        return np.clip(out, -LIMIT, LIMIT).astype(np.float32)

    def restored(self, scaled: np.ndarray) -> np.ndarray:
        """Return values in the column's own unit."""
        bent = np.asarray(scaled, dtype=np.float64) * self.scale + self.center
        if self.bend == "asinh":
            return np.sinh(np.clip(bent, -300, 300)) * self.unit + self.middle
        if self.bend == "quantile":
            return np.interp(bent, np.linspace(-1.7, 1.7, QUANTILES + 1), self.quantiles)
        return bent


def _unit(finite: np.ndarray, quantiles: np.ndarray) -> float:
    """Return half the interquartile range over 0.6745, which is the deviation of a Gaussian.

    Else the standard deviation.
    """
    spread = float(quantiles[75] - quantiles[25]) / 1.349
    return spread if spread > 1e-9 * max(1.0, abs(float(quantiles[50]))) else _positive(float(finite.std()), 0.0)


def _has_long_tail(finite: np.ndarray, middle: float) -> bool:
    deviation = float(finite.std())
    return deviation > 0 and float(np.abs(finite - middle).max()) / deviation > LONG_TAIL


def _positive(value: float, center: float) -> float:
    return value if np.isfinite(value) and value > 1e-9 * max(1e-3, abs(center)) else 1.0
