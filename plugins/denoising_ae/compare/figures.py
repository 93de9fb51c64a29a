"""Figures of the comparison: error curves with confidence intervals, grids of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

COLOURS = {"plain": "#b45309", "denoising": "#0f766e"}
Curves = dict[str, list[tuple[float, float, float, float]]]  # arm -> (level, mean, low, high) at each level


def plot_curves(curves: Curves, xlabel: str = "noise level of the input") -> Figure:
    """Mean squared error against the noise level, one line per arm, its interval shaded."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    for arm, curve in curves.items():
        levels, means, lows, highs = zip(*curve, strict=True)
        axes.plot(levels, means, "o-", color=COLOURS[arm], label=arm, markersize=4)
        axes.fill_between(levels, lows, highs, color=COLOURS[arm], alpha=0.2, linewidth=0)
    axes.set(xlabel=xlabel, ylabel="squared error of the output")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def plot_records(records: list[dict[str, Any]]) -> Figure:
    """The same figure from the records of an experiment: levels are multiples of the training level."""
    curves: Curves = {}
    for record in records:
        if record["measure"].startswith("mse_at_"):
            multiple = float(record["measure"].removeprefix("mse_at_"))
            curves.setdefault(record["arm"], []).append((multiple, record["mean"], record["low"], record["high"]))
    return plot_curves(curves, "noise level of the input, relative to training")


def image_grid(rows: dict[str, np.ndarray]) -> Figure:
    """Rows of images, (images, size, size) each, one row per name."""
    columns = max(len(images) for images in rows.values())
    figure = Figure(figsize=(0.8 * columns, 1.05 * len(rows)))
    room = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 1 - 0.23 / len(rows), "wspace": 0.06, "hspace": 0.34}
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw=room)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes in line:
            axes.set_axis_off()
        for axes, image in zip(line, images, strict=False):
            axes.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
        line[0].text(0, 1.06, name, transform=line[0].transAxes, va="bottom", fontsize=11)
    return figure
