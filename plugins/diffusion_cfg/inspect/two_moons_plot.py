"""Plot the two moons: density, score arrows and the sampling path of a point."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from plugins.diffusion_cfg.inspect import two_moons
from plugins.diffusion_cfg.inspect.two_moons import PLOT_LIMIT, PLOT_PIXELS

ARROW_COLOUR, PATH_COLOUR, RESULT_COLOUR = "#334155", "#b45309", "#be185d"
MOON_COLOURS = ("#f59e0b", "#7c3aed")
DENSITY_GRID, ARROW_GRID = 110, 23  # points per side
MIN_START_TIME = 0.02  # nearer to the data a point hardly moves


def score_field_view(
    time: float, label: str, scale: float, point: list[float] | None, steps: int
) -> tuple[np.ndarray, str]:
    """The score field, and a sentence on where sampling takes the chosen point."""
    if not point:
        return plot_score_field(time, label, scale, None, steps), "No point is chosen yet."
    start = (float(point[0]), float(point[1]))
    end = sampling_path(start, label, scale, steps, time)[-1]
    distance = two_moons.distance_to_data(end)
    where = "on a moon" if distance < 3 else f"{distance:.0f} deviations off the moons"
    sentence = f"From ({start[0]:.2f}, {start[1]:.2f}); after {steps} steps at ({end[0]:.2f}, {end[1]:.2f}), {where}."
    return plot_score_field(time, label, scale, start, steps), sentence


def plot_score_field(
    time: float, label: str, scale: float, point: tuple[float, float] | None, steps: int
) -> np.ndarray:
    """The score field at a time, (PLOT_PIXELS, PLOT_PIXELS, 3) uint8, axes up to the edges; the data are dots."""
    figure = Figure(figsize=(PLOT_PIXELS / 100, PLOT_PIXELS / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-PLOT_LIMIT, PLOT_LIMIT), ylim=(-PLOT_LIMIT, PLOT_LIMIT))
    axes.axis("off")
    side = np.linspace(-PLOT_LIMIT, PLOT_LIMIT, DENSITY_GRID)
    densities = two_moons.density(_grid(side), time).reshape(DENSITY_GRID, DENSITY_GRID)
    axes.contourf(side, side, densities, 14, cmap="GnBu")
    _plot_moons(axes)
    _plot_arrows(axes, time, label, scale)
    if point is not None:
        _plot_path(axes, sampling_path(point, label, scale, steps, time))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def sampling_path(point: tuple[float, float], label: str, scale: float, steps: int, time: float) -> np.ndarray:
    """Where sampling takes a point, (steps + 1, 2)."""
    return two_moons.probability_flow_path(np.asarray(point), label, scale, steps, max(time, MIN_START_TIME))


def _grid(side: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)


def _plot_moons(axes: Any) -> None:
    means, moons = two_moons.component_means()
    for moon, colour in enumerate(MOON_COLOURS, 1):
        axes.scatter(*means[moons == moon].T, s=60, color=colour, alpha=0.75, edgecolors="white", linewidths=0.8)


def _plot_arrows(axes: Any, time: float, label: str, scale: float) -> None:
    """Directions of the score; lengths are clipped at twice the median, or the outer ones would hide the inner ones."""
    points = _grid(np.linspace(-PLOT_LIMIT, PLOT_LIMIT, ARROW_GRID + 2)[1:-1])
    scores = two_moons.guided_score(points, time, label, scale)
    lengths = np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-9)
    limit = max(1e-9, 2 * float(np.median(lengths)))
    arrows = scores / lengths * np.minimum(lengths, limit) / limit
    axes.quiver(points[:, 0], points[:, 1], arrows[:, 0], arrows[:, 1], color=ARROW_COLOUR, scale=26, width=0.0028)


def _plot_path(axes: Any, path: np.ndarray) -> None:
    axes.plot(path[:, 0], path[:, 1], "-o", color=PATH_COLOUR, markersize=3)
    axes.plot(*path[0], "o", color="black", markersize=8)
    axes.plot(*path[-1], "*", color=RESULT_COLOUR, markersize=18)
