"""Figures of the comparison: curves with their intervals, pictures side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.data_url import figure_png

COLOURS = {"plain": "#b45309", "denoising": "#0f766e"}


def curves(lines: dict[str, list[tuple[float, float, float, float]]]) -> bytes:
    """A PNG: mean squared error against the noise level, a line an arm, its interval shaded."""
    return figure_png(curve_figure(lines))


def of_records(records: list[dict[str, Any]]) -> Any:
    """The same as a figure, of the records of an experiment: levels are shares of the one trained with."""
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    for one in records:
        if one["measure"].startswith("error_"):
            share = float(one["measure"].removeprefix("error_"))
            lines.setdefault(one["arm"], []).append((share, one["mean"], one["low"], one["high"]))
    return curve_figure(lines, "noise level of the input, times that of training")


def curve_figure(
    lines: dict[str, list[tuple[float, float, float, float]]], below: str = "noise level of the input"
) -> Any:
    """The figure that `curves` saves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    for arm, line in lines.items():
        levels, means, lows, highs = zip(*line, strict=True)
        axes.plot(levels, means, "o-", color=COLOURS[arm], label=arm, markersize=4)
        axes.fill_between(levels, lows, highs, color=COLOURS[arm], alpha=0.2, linewidth=0)
    axes.set(xlabel=below, ylabel="squared error of the output")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def side_by_side(rows: dict[str, np.ndarray]) -> Any:
    """A figure: under one another rows of pictures, (pictures, size, size) each, with their names."""
    from matplotlib.figure import Figure

    count = max(len(pictures) for pictures in rows.values())
    figure = Figure(figsize=(1.1 * count + 1.6, 1.25 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), count, squeeze=False)
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes in line:
            axes.set_axis_off()
        for axes, picture in zip(line, pictures, strict=False):
            axes.imshow(np.clip(picture, 0, 1), cmap="gray", vmin=0, vmax=1)
        line[0].text(-0.12, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
    return figure
