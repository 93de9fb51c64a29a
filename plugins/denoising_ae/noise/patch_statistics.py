"""Patches of an image and what they show of its noise: deviation, constant pixels, covariance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

PATCH = 8  # side of a patch in pixels
MAX_PATCHES = 120_000
FEW_PATCHES = 30_000
MIN_THIRD = 1000  # of fewer patches the smallest eigenvalue varies by itself
MIN_PATCHES = 256  # of which a covariance of 64 x 64 is estimated
LOW_QUANTILE, LOW_SHARE = 0.05, 0.85  # the lowest 5 % of patches of pure noise show 0.85 of its standard deviation
ROWS, COLUMNS = np.mgrid[:PATCH, :PATCH] - (PATCH - 1) / 2
PLANE = np.stack([ROWS, COLUMNS], -1).reshape(-1, 2)
PLANE = (PLANE / np.linalg.norm(PLANE, axis=0)).astype(np.float32)  # orthonormal slopes, (64, 2)
FREEDOM = PATCH * PATCH - 3  # degrees that mean and slopes leave
MAD_OF_GAUSSIAN = 0.6745  # median absolute deviation of a standard Gaussian


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches that are opaque and not constant.

    Args:
        values: In [0, 1], (patches, 64) float32.
    """

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def where(self, chosen: np.ndarray) -> Patches:
        return Patches(self.values[chosen])

    def thinned(self) -> Patches:
        """At most about 30,000 of them: enough for quantiles and means, and four times as fast."""
        return Patches(self.values[:: max(1, round(len(self) / FEW_PATCHES))])

    @cached_property
    def residuals(self) -> np.ndarray:
        """Deviations from the plane through each patch, so that shading counts for nothing, (patches, 64)."""
        centred = self.values - self.values.mean(1, keepdims=True)
        return centred - centred @ PLANE @ PLANE.T

    @cached_property
    def deviations(self) -> np.ndarray:
        """Standard deviation of the residuals of each patch, in units of 1/255."""
        return 255 * np.sqrt(np.square(self.residuals).sum(1) / FREEDOM)

    @cached_property
    def has_constant_pixels(self) -> np.ndarray:
        """Whether some 3 x 3 pixels of the patch are equal: noise leaves none such but where it is clipped."""
        squares = self.values.reshape(-1, PATCH, PATCH)
        across, down = squares[:, :, 1:] == squares[:, :, :-1], squares[:, 1:] == squares[:, :-1]
        triples = across[:, :, 1:] & across[:, :, :-1]  # three equal in a row, (patches, 8, 6)
        same = triples[:, :-2] & triples[:, 1:-1] & triples[:, 2:] & down[:, :-1, :-2] & down[:, 1:, :-2]
        return same.any((1, 2))

    @cached_property
    def clipped(self) -> np.ndarray:
        """Share of each patch's pixels that are exactly black or white."""
        return ((self.values == 0) | (self.values == 1)).mean(1)

    def floor(self) -> float:
        """Standard deviation of the noise that even the smoothest patches show, in units of 1/255."""
        return float(np.quantile(self.deviations, LOW_QUANTILE)) / LOW_SHARE

    def smallest_eigenvalue(self) -> float:
        """Standard deviation along the direction of least variance of the patches, in units of 1/255."""
        centred = self.values - self.values.mean(0)
        covariance = (centred.T @ centred).astype(np.float64) / len(self)
        return float(255 * np.sqrt(max(np.linalg.eigvalsh(covariance)[0], 0.0)))

    def by_brightness(self) -> float:
        """Largest over smallest estimate of the dark, the middle and the bright third of the patches; 1 if too few."""
        if len(self) < 3 * MIN_THIRD:
            return 1.0
        thirds = np.array_split(np.argsort(self.values.mean(1)), 3)
        levels = [self.where(third).smallest_eigenvalue() for third in thirds]
        return max(levels) / max(min(levels), 1e-6)

    def heavy_tails(self) -> float:
        """Deviation by the median over deviation by the mean square, of the smoothest fifth: 1 if Gaussian."""
        smooth = self.residuals[self.deviations <= np.quantile(self.deviations, 0.2)]
        root_mean_square = float(np.sqrt(np.square(smooth).sum(1).mean() / FREEDOM))
        return float(np.median(np.abs(smooth))) / MAD_OF_GAUSSIAN / max(root_mean_square, 1e-6)


def patches_of(pixels: np.ndarray, alpha: np.ndarray | None) -> Patches:
    """Take at most 120,000 patches over all channels, evenly spread, without transparent and constant ones."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH), axis=(0, 1))
    stride = max(1, round(float(np.sqrt(np.prod(windows.shape[:3]) / MAX_PATCHES))))
    opaque = np.ones(windows[::stride, ::stride, 0].shape[:2], bool)
    if alpha is not None:
        shown = np.lib.stride_tricks.sliding_window_view(alpha > 0, (PATCH, PATCH))
        opaque = shown[::stride, ::stride].all((2, 3))
    planes = [windows[::stride, ::stride, channel][opaque] for channel in range(pixels.shape[2])]
    values = np.concatenate(planes).reshape(-1, PATCH * PATCH).astype(np.float32)
    return Patches(values[values.max(1) > values.min(1)])


def distinct_lines(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row and each column differs from the one before it: (height,) and (width,), bool.

    Bars of one colour repeat their lines, and so does an image that was enlarged by repeating pixels.
    """
    rows, columns = (np.moveaxis(pixels, axis, 0) for axis in (0, 1))
    differ = [(lines[1:] != lines[:-1]).any((1, 2)) for lines in (rows, columns)]
    return np.r_[True, differ[0]], np.r_[True, differ[1]]


def are_repeated(distinct: np.ndarray) -> bool:
    """Whether most lines stand more than once, as in an image that was enlarged by repeating pixels."""
    return bool(np.median(np.diff(np.flatnonzero(np.r_[distinct, True]))) > 1)
