"""Evaluation of `images`: the levels it is done at, the scores of each image and their means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from training.figures import Baseline, Figure
from training.task import Score

STANDARD_LEVELS = (15.0, 25.0, 50.0)  # at which papers on Gaussian noise report
MAX_LISTED_IMAGES = 20
PSNR_MEANING = "How close the cleaned pictures are to the clean ones: 20 dB is rough, 30 good, 40 hard to tell apart."


class ImageScores(NamedTuple):
    """PSNR of a noisy image, PSNR and SSIM of the denoised one, and PSNR after the best Gaussian filter."""

    level: float
    psnr_noisy: float
    psnr: float
    ssim: float
    psnr_filtered: float = math.nan


def evaluation_levels(noise: str, low: float, high: float) -> tuple[float, ...]:
    """The levels a range is evaluated at: 15, 25 and 50 as far as it has them (Gaussian), else its ends and middle."""
    if low == high:
        return (low,)
    standard = tuple(level for level in STANDARD_LEVELS if noise == "gaussian" and low <= level <= high)
    middle = (low * high) ** 0.5 if NOISE_TYPES[noise].log_uniform else (low + high) / 2
    return standard or (low, middle, high)


def summarise(scores: list[ImageScores], names: list[str], levels: Sequence[float]) -> Score:
    """Means over the images: PSNR and SSIM over all levels, PSNR at each; a table per level and of the worst images.

    Args:
        scores: One per image and level.
        names: What each image is called, in the same order.
    """
    table = np.asarray(scores)  # (images x levels, 5): the fields of ImageScores
    noisy, denoised, similarity = _column_means(table)
    metrics = {"psnr": denoised, "ssim": similarity, "psnr_noisy": noisy}
    means = {level: _column_means(table[table[:, 0] == level]) for level in levels}
    if len(levels) > 1:
        metrics |= {f"psnr_{level:g}": mean[1] for level, mean in means.items()}
    tables = {"By noise level": _level_table(means), "By image": _image_table(table, names)}
    figure = Figure("psnr", "PSNR", denoised, PSNR_MEANING, (Baseline("the noisy pictures", noisy),), unit="dB")
    figure = figure.with_baseline("the best Gaussian filter of each picture", float(table[:, 4].mean()))
    return Score(metrics, tables, figures=(figure,))


def _column_means(scores: np.ndarray) -> list[float]:
    """Mean PSNR noisy, PSNR denoised and SSIM denoised."""
    return [float(scores[:, column].mean()) for column in (1, 2, 3)]


def _image_table(scores: np.ndarray, names: list[str]) -> dict[str, list]:
    """The images with the lowest PSNR first."""
    order = np.argsort(scores[:, 2])[:MAX_LISTED_IMAGES]
    rows = [[names[row], f"{scores[row, 0]:g}", *np.round(scores[row, 1:4], 3).tolist()] for row in order]
    return {"columns": ["image", "level", "PSNR noisy", "PSNR denoised", "SSIM denoised"], "rows": rows}


def _level_table(means: dict[float, list[float]]) -> dict[str, list]:
    digits = (2, 2, 4)
    rows = [[f"{level:g}", *map(round, mean, digits)] for level, mean in means.items()]
    return {"columns": ["level", "PSNR noisy", "PSNR denoised", "SSIM denoised"], "rows": rows}
