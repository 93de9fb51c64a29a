"""Scale numbers, and invert it: standard, robust, or with long tails compressed (asinh, quantiles)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

Scaling = Literal["auto", "standard", "robust", "log", "quantile"]
LIMIT = 1e4  # deviations at which scaled values are clipped
LONG_TAIL = 30.0  # deviations of the furthest value from the median, above which `auto` compresses the tails
FAR_OUT = 1e6  # interquartile deviations of that value, above which `auto` compresses the tails of short columns too
QUANTILES = 100
LEAST_SPREAD = 1e-12  # of the values' own magnitude: less is rounding
LEAST_RATIO = 1e-100  # of the largest value, below which a spread is no unit of it
SAFE_EXPONENT, SAFE_VALUE = 400, 1e120  # within which squares of values are floats


@dataclass(frozen=True)
class Scaler:
    """value -> (bend(value) - center) / scale, where bend is the identity, asinh, or the training rows' own quantiles.

    Args:
        bend: "linear", "asinh" (of the distance from `middle` in units of `unit`) or "quantile".
        quantiles: The training rows' 0th to 100th percentiles; also what drift and the histograms compare with.
        exponent: Values are first multiplied by two to this power: 0 but where their squares would leave the range of
            floats. `center`, `scale`, `middle` and `unit` are in those units, `quantiles` in the column's own.
    """

    bend: str
    center: float
    scale: float
    middle: float
    unit: float
    quantiles: tuple[float, ...]
    exponent: int = 0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Scaler:
        """Restore a scaler from the values of `asdict`, also after JSON."""
        return cls(**{**values, "quantiles": tuple(values["quantiles"])})

    @classmethod
    def fit(cls, values: np.ndarray, scaling: Scaling) -> Scaler:
        """Measure the finite values of one column, float64 (rows,)."""
        finite = values[np.isfinite(values)]
        finite = finite if len(finite) else np.zeros(1)
        exponent = _exponent(finite)
        finite = np.ldexp(finite, exponent)
        finite = finite[np.isfinite(finite)]
        quantiles = _quantiles(finite)
        middle, unit = float(quantiles[50]), _unit(finite, quantiles)
        bend = {"log": "asinh", "quantile": "quantile"}.get(scaling, "linear")
        if scaling == "auto" and _has_long_tail(finite, middle, unit):
            bend = "asinh"
        own_quantiles = tuple(map(float, np.ldexp(quantiles, -exponent)))
        raw = cls(bend, 0.0, 1.0, middle, unit, own_quantiles, exponent)
        if scaling == "robust":
            return replace(raw, center=middle, scale=unit)
        near = np.abs(finite - middle) <= FAR_OUT * unit  # a cell of 1e308 does not tell the scale of the others
        bent = raw._bent(finite[near] if scaling == "auto" else finite)
        center = _mean(bent)
        return replace(raw, center=center, scale=_positive(_deviation(bent), center))

    def _bent(self, values: np.ndarray) -> np.ndarray:
        """Bend values that are already multiplied by the power of two."""
        if self.bend == "asinh":
            return np.arcsinh((values - self.middle) / self.unit)
        if self.bend == "quantile":
            quantiles = np.ldexp(self.quantiles, self.exponent)
            inside = np.interp(values, quantiles, np.linspace(-1.7, 1.7, QUANTILES + 1))
            low, high = quantiles[0], quantiles[-1]
            beyond = np.where(values < low, values - low, np.where(values > high, values - high, 0.0))
            return inside + beyond / self.unit
        return values

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Scale values to float32 in [-1e4, 1e4]; NaN stays NaN, infinities become the limit."""
        with np.errstate(over="ignore", invalid="ignore"):
            out = (self._bent(np.ldexp(values, self.exponent)) - self.center) / self.scale
        return np.clip(out, -LIMIT, LIMIT).astype(np.float32)

    def restored(self, scaled: np.ndarray) -> np.ndarray:
        """Return values in the column's own unit."""
        bent = np.asarray(scaled, dtype=np.float64) * self.scale + self.center
        if self.bend == "quantile":
            return np.interp(bent, np.linspace(-1.7, 1.7, QUANTILES + 1), self.quantiles)
        if self.bend == "asinh":
            bent = np.sinh(np.clip(bent, -700, 700)) * self.unit + self.middle
        return np.ldexp(bent, -self.exponent)


def _exponent(finite: np.ndarray) -> int:
    """The power of two that brings usual values near 1 where their squares would overflow or vanish; else 0."""
    usual = np.abs(np.quantile(np.ldexp(finite, -2), [0.25, 0.5, 0.75])).max() * 4  # the quantile of 1e308 overflows
    largest = float(np.abs(finite).max())
    exponents = [int(np.frexp(min(value, np.finfo(float).max))[1]) for value in (usual or largest, largest)]
    return 0 if any(abs(exponent) <= SAFE_EXPONENT for exponent in exponents) else -exponents[0]


def _quantiles(finite: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.ldexp(np.quantile(np.ldexp(finite, -2), np.linspace(0, 1, QUANTILES + 1)), 2)


def _mean(values: np.ndarray) -> float:
    largest = _largest(values)
    return float((values / largest).mean()) * largest


def _deviation(values: np.ndarray) -> float:
    """The standard deviation; values are divided by the largest where their squares would overflow."""
    largest = _largest(values)
    return float((values / largest).std()) * largest


def _largest(values: np.ndarray) -> float:
    largest = float(np.abs(values).max(initial=0.0))
    return largest if largest > SAFE_VALUE else 1.0


def _unit(finite: np.ndarray, quantiles: np.ndarray) -> float:
    """Return half the interquartile range over 0.6745, which is the deviation of a Gaussian.

    Else the standard deviation.
    """
    spread = float(quantiles[75] - quantiles[25]) / 1.349
    usual = float(np.abs(quantiles[[25, 50, 75]]).max())
    largest = float(np.abs(finite).max())
    is_dust = spread < LEAST_RATIO * largest < SAFE_VALUE * LEAST_RATIO  # 1e-217 among ones and zeros
    return spread if spread > LEAST_SPREAD * usual and not is_dust else _positive(_deviation(finite), 0.0)


def _has_long_tail(finite: np.ndarray, middle: float, unit: float) -> bool:
    deviation, furthest = _deviation(finite), float(np.abs(finite - middle).max())
    return deviation > 0 and (furthest / deviation > LONG_TAIL or furthest / unit > FAR_OUT)


def _positive(value: float, center: float) -> float:
    return value if np.isfinite(value) and value > LEAST_SPREAD * abs(center) else 1.0
