"""Figures of "Look inside", one chart each, so that a row of them wraps on a phone."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from plugins.diffusion_cfg.inspect.forward_process import ScheduleCurves
from plugins.diffusion_cfg.inspect.guidance_scales import ScaleResult
from plugins.diffusion_cfg.inspect.score_descent import Trajectory, project_2d

TEAL, AMBER, GREY = "#0f766e", "#b45309", "#64748b"
COLOURS = (TEAL, AMBER, "#7c3aed", "#be185d", "#1d4ed8", "#4d7c0f")
DPI = 140
MIN_SNR_DB = -45  # pure noise would be minus infinity


def plot_schedule(curves: ScheduleCurves, timestep: float) -> tuple[Figure, Figure]:
    """alpha_bar and sigma; the SNR in dB; a line at the timestep in both."""
    levels, left = _figure()
    left.plot(curves.alpha_bar, color=TEAL, label="ᾱ: signal's share of the variance")
    left.plot(curves.sigma, color=AMBER, label="σ: noise deviation")
    _legend_above(left)
    ratio, right = _figure("signal-to-noise ratio, dB")
    right.plot(curves.snr_db, color=TEAL)
    right.axhline(0, color=GREY, linestyle=":")
    right.set_ylim(MIN_SNR_DB)
    for axes in (left, right):
        axes.axvline(timestep, color="black", linestyle="--", linewidth=1)
        axes.set_xlabel("timestep")
    return levels, ratio


def plot_latent_histogram(clean: Tensor, noisy: Tensor) -> Figure:
    """Histogram of the latents without and with noise, beside the standard Gaussian."""
    figure, axes = _figure()
    bins = np.linspace(-4, 4, 41).tolist()
    axes.hist(_values(noisy), bins, density=True, color=TEAL, alpha=0.6, label="x_t")
    axes.hist(_values(clean), bins, density=True, color=GREY, histtype="step", label="x_0")
    x = np.linspace(-4, 4, 200)
    axes.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color=AMBER, label="Gaussian")
    axes.set_xlabel("value of a latent")
    _legend_above(axes)
    return figure


def plot_trajectories(trajectories: list[Trajectory]) -> tuple[Figure, Figure, Figure]:
    """The paths in two dimensions; the score's length per step; the cosines of its direction."""
    return _plot_paths(trajectories), _plot_score_lengths(trajectories), _plot_cosines(trajectories)


def _plot_paths(trajectories: list[Trajectory]) -> Figure:
    paths, predictions, shares = project_2d(trajectories)
    figure, axes = _figure("● noise   — x_t   ·· predicted x_0   ★ result")
    for trajectory, path, prediction, colour in zip(trajectories, paths, predictions, COLOURS, strict=False):
        axes.plot(path[:, 0], path[:, 1], "-o", color=colour, markersize=3, label=trajectory.name)
        axes.plot(prediction[:, 0], prediction[:, 1], ":", color=colour, linewidth=1)
        axes.plot(path[-1, 0], path[-1, 1], "*", color=colour, markersize=12)
    axes.plot(paths[0][0, 0], paths[0][0, 1], "o", color="black", markersize=7)
    axes.legend(fontsize=8)
    axes.set(xlabel=f"first component, {shares[0]:.0%} of the variance", ylabel=f"second, {shares[1]:.0%}")
    return figure


def _plot_score_lengths(trajectories: list[Trajectory]) -> Figure:
    figure, axes = _figure("length of the score, per latent")
    for trajectory, colour in zip(trajectories, COLOURS, strict=False):
        axes.plot(trajectory.timesteps, trajectory.score_lengths, "-o", color=colour, markersize=3)
    axes.set(xlabel="timestep", yscale="log")
    axes.invert_xaxis()
    return figure


def _plot_cosines(trajectories: list[Trajectory]) -> Figure:
    figure, axes = _figure("— to the step before   -- to the result")
    for trajectory, colour in zip(trajectories, COLOURS, strict=False):
        axes.plot(trajectory.timesteps, trajectory.turns, "-", color=colour)
        axes.plot(trajectory.timesteps, trajectory.aims, "--", color=colour)
    axes.set(xlabel="timestep", ylabel="cosine", ylim=(-1.05, 1.05))
    axes.invert_xaxis()
    return figure


def plot_guidance_norms(results: list[ScaleResult], model: str, top: float) -> Figure:
    """Norm of the guidance difference per step at each scale; `top` is the end of the axis."""
    figure, axes = _figure(f"‖conditional − unconditional‖\n{_escape(model)}")
    for result, colour in zip(results, COLOURS * len(results), strict=False):
        guided = [pair for pair in zip(result.timesteps, result.differences, strict=True) if pair[1]]
        if guided:
            axes.plot(*zip(*guided, strict=True), "-o", markersize=3, color=colour, label=f"{result.scale:g}")
    axes.invert_xaxis()
    axes.set(xlabel="timestep", ylim=(0, 1.05 * top or None))
    if axes.lines:
        axes.legend(fontsize=8, title="scale", ncols=2)
    return figure


def plot_saturation(models: dict[str, list[ScaleResult]]) -> Figure:
    """Saturation and contrast over the scales, one line style per model."""
    figure, axes = _figure("saturation")
    for (name, results), style in zip(models.items(), ("-o", "--s"), strict=False):
        scales = [result.scale for result in results]
        suffix = f", {_escape(name)}" if len(models) > 1 else ""
        saturations, contrasts = zip(*((result.saturation, result.contrast) for result in results), strict=True)
        axes.plot(scales, saturations, style, color=AMBER, markersize=4, label=f"saturated{suffix}")
        axes.plot(scales, contrasts, style, color=TEAL, markersize=4, label=f"contrast{suffix}")
    axes.set_xlabel("guidance scale")
    axes.legend(fontsize=7)
    return figure


def overlay_heatmap(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """An attention map over an image, each map at its own brightness, (height, width, 3) uint8.

    Args:
        image: (height, width, channels) uint8.
        values: (height, width) of the latents.
    """
    normalised = (values - values.min()) / max(1e-12, float(values.max() - values.min()))
    size = image.shape[1::-1]
    heatmap = Image.fromarray((255 * normalised).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    colours = colormaps["magma"](np.asarray(heatmap))[..., :3] * 255
    return (0.35 * np.broadcast_to(image, colours.shape) + 0.65 * colours).round().astype(np.uint8)


def _values(latents: Tensor) -> np.ndarray:
    return latents.float().cpu().numpy().ravel()


def _figure(title: str = "") -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.4, 3.2), layout="constrained", dpi=DPI)
    axes = figure.subplots()
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=9)
    axes.grid(color="#e2e8f0", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend_above(axes: Any) -> None:
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
    axes.legend(fontsize=8, frameon=False, ncols=3, columnspacing=1, handlelength=1.2, **place)


def _escape(text: str) -> str:
    return text.replace("$", r"\$")  # matplotlib reads formulas between $
