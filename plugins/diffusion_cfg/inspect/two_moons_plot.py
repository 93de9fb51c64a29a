"""The two moons as a picture: density, score arrows, and the way of a dropped point; and where in the plane a pixel of it lies."""

from __future__ import annotations

from typing import Any

import numpy as np

from plugins.diffusion_cfg.inspect import two_moons

INK, WAY, MOONS, END = "#334155", "#b45309", ("#f59e0b", "#7c3aed"), "#be185d"
PIXELS, FINE, ARROWS = 560, 110, 23  # a side of the picture; places a side of density and of arrows
EARLIEST = 0.02  # a point dropped later has no way left to go


def field(time: float, label: str, scale: float, point: tuple[float, float] | None, steps: int) -> np.ndarray:
    """The field at a time, (PIXELS, PIXELS, 3) uint8, its axes to the edges; the moons' own places are dotted."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PIXELS / 100, PIXELS / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-two_moons.REACH, two_moons.REACH), ylim=(-two_moons.REACH, two_moons.REACH))
    axes.axis("off")
    fine, places = _grid(np.linspace(-two_moons.REACH, two_moons.REACH, FINE))
    axes.contourf(fine, fine, two_moons.density(places, time).reshape(FINE, FINE), 14, cmap="GnBu")
    _draw_moons(axes)
    _draw_arrows(axes, time, label, scale)
    if point is not None:
        _draw_way(axes, two_moons.path(np.asarray(point), label, scale, steps, max(time, EARLIEST)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def to_place(pixel: tuple[int, int]) -> tuple[float, float]:
    """Where in the plane a pixel (column, row) of `field` lies."""
    return (2 * pixel[0] / PIXELS - 1) * two_moons.REACH, (1 - 2 * pixel[1] / PIXELS) * two_moons.REACH


def _grid(side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return side, np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)


def _draw_moons(axes: Any) -> None:
    centres, moons = two_moons.centres()
    for number, colour in enumerate(MOONS, 1):
        axes.scatter(*centres[moons == number].T, s=60, color=colour, alpha=0.75, edgecolors="white", linewidths=0.8)


def _draw_arrows(axes: Any, time: float, label: str, scale: float) -> None:
    """Directions of the score; lengths beyond twice the median are cut, or the far ones would hide the near ones."""
    _, places = _grid(np.linspace(-two_moons.REACH, two_moons.REACH, ARROWS + 2)[1:-1])
    arrows = two_moons.guided_score(places, time, label, scale)
    lengths = np.maximum(np.linalg.norm(arrows, axis=1, keepdims=True), 1e-9)
    most = max(1e-9, 2 * float(np.median(lengths)))
    shown = arrows / lengths * np.minimum(lengths, most) / most
    axes.quiver(places[:, 0], places[:, 1], shown[:, 0], shown[:, 1], color=INK, scale=26, width=0.0028)


def _draw_way(axes: Any, way: np.ndarray) -> None:
    axes.plot(way[:, 0], way[:, 1], "-o", color=WAY, markersize=3)
    axes.plot(*way[0], "o", color="black", markersize=8)
    axes.plot(*way[-1], "*", color=END, markersize=18)
