"""Plot the landscapes of `score_landscape`: heights as shades, the score as arrows, the way down with its images."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from scipy.ndimage import zoom

from plugins.diffusion_cfg.images import to_image
from plugins.diffusion_cfg.inspect.score_landscape import Descent, Landscape

PATH_COLOURS = ("#b45309", "#be185d")
ARROWS = "#334155"
SMOOTH = 5  # times finer than the grid, for the shades
IMAGE_PIXELS = 38
LEVELS = 14


def plot_descent(descent: Descent) -> Figure:
    """The landscapes side by side from much noise to little, each with the steps taken down to its noise level."""
    figure = Figure(figsize=(10.8, 2.7), layout="constrained", dpi=130)
    for axes, landscape in zip(figure.subplots(1, len(descent.landscapes)), descent.landscapes, strict=True):
        _plot_landscape(axes, landscape)
        _plot_paths(axes, descent, landscape.timestep)
        about = f"“{landscape.caption}”" if landscape.caption else "all images"
        axes.set_title(f"t = {landscape.timestep:.0f}, {about}", fontsize=11)
        for image, place in zip(descent.images, descent.places, strict=True):
            _pin(axes, image, place)
    return figure


def _plot_landscape(axes: Any, landscape: Landscape) -> None:
    x, y = (zoom(side, SMOOTH, order=1) for side in (landscape.x, landscape.y))
    heights = np.asarray(zoom(landscape.heights, SMOOTH, order=3))
    levels = np.unique(np.quantile(heights, np.linspace(0, 1, LEVELS)))  # equal areas: valleys are flatter than slopes
    axes.contourf(x, y, heights, levels, cmap="YlGnBu_r", norm=BoundaryNorm(levels, 256))
    axes.contour(x, y, heights, levels, colors="white", linewidths=0.4)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    lengths = np.linalg.norm(landscape.downhill, axis=-1, keepdims=True)
    arrows = landscape.downhill / np.maximum(lengths, 1e-9) * np.minimum(lengths / max(1e-9, np.median(lengths)), 1.5)
    axes.quiver(landscape.x, landscape.y, arrows[..., 0], arrows[..., 1], color=ARROWS, scale=22, width=0.004)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", "box")


def _plot_paths(axes: Any, descent: Descent, timestep: float) -> None:
    """The predicted images of the steps down to this noise level."""
    taken = max(1, sum(step.timestep >= timestep for step in descent.steps))
    for path, colour in zip(descent.paths, PATH_COLOURS, strict=True):
        shown = path[:taken]
        axes.plot(*shown.T, "-o", color=colour, markersize=3.5, linewidth=1.8)
        axes.plot(*shown[0], "o", color="black", markersize=7)
        axes.plot(*shown[-1], "*", color=colour, markersize=15, markeredgecolor="white")


def _pin(axes: Any, image: Any, place: np.ndarray) -> None:
    picture = OffsetImage(np.asarray(to_image(image).convert("RGB").resize((IMAGE_PIXELS, IMAGE_PIXELS), 0)), zoom=1)
    axes.add_artist(
        AnnotationBbox(picture, (float(place[0]), float(place[1])), (0, -34), boxcoords="offset points", pad=0.15)
    )
