"""The figures of "Look inside": each of one chart, so that they stand side by side on a screen and below each other on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from plugins.diffusion_cfg.inspect.guidance_scales import Scaled
    from plugins.diffusion_cfg.inspect.score_descent import Descent

TEAL, AMBER, GREY = "#0f766e", "#b45309", "#64748b"
COLOURS = (TEAL, AMBER, "#7c3aed", "#be185d", "#1d4ed8", "#4d7c0f")
DOTS_AN_INCH = 140
LEAST_DECIBEL = -45  # noise alone would be infinitely far down


def schedule_curves(curves: dict[str, Any], timestep: float) -> tuple[Any, Any]:
    """alpha_bar and sigma; the SNR in decibel; a line at the timestep in both."""
    levels, left = _figure()
    left.plot(curves["alpha_bar"], color=TEAL, label="ᾱ: share that is picture")
    left.plot(curves["sigma"], color=AMBER, label="σ: deviation of the noise")
    _legend_above(left)
    ratio, right = _figure("signal to noise, dB")
    right.plot(curves["snr_db"], color=TEAL)
    right.axhline(0, color=GREY, linestyle=":")
    right.set_ylim(LEAST_DECIBEL)
    for axes in (left, right):
        axes.axvline(timestep, color="black", linestyle="--", linewidth=1)
        axes.set_xlabel("timestep")
    return levels, ratio


def latents_histogram(clean: Tensor, noisy: Tensor) -> Any:
    """The numbers that the denoiser sees, before noise and with it, beside the Gaussian that they turn into."""
    figure, axes = _figure()
    bins = np.linspace(-4, 4, 41).tolist()
    axes.hist(_numbers(noisy), bins, density=True, color=TEAL, alpha=0.6, label="x_t")
    axes.hist(_numbers(clean), bins, density=True, color=GREY, histtype="step", label="x_0")
    grid = np.linspace(-4, 4, 200)
    axes.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color=AMBER, label="Gaussian")
    axes.set_xlabel("value of a latent")
    _legend_above(axes)
    return figure


def ways(found: list[Descent]) -> tuple[Any, Any, Any]:
    """The ways in two dimensions; the length of the score at every step; its direction."""
    return _flat_ways(found), _score_lengths(found), _directions(found)


def _flat_ways(found: list[Descent]) -> Any:
    from plugins.diffusion_cfg.inspect.score_descent import flattened

    places, guesses, shares = flattened(found)
    figure, axes = _figure("● noise   — x_t   ·· predicted x_0   ★ result")
    for one, way, guess, colour in zip(found, places, guesses, COLOURS, strict=False):
        axes.plot(way[:, 0], way[:, 1], "-o", color=colour, markersize=3, label=one.name)
        axes.plot(guess[:, 0], guess[:, 1], ":", color=colour, linewidth=1)
        axes.plot(way[-1, 0], way[-1, 1], "*", color=colour, markersize=12)
    axes.plot(places[0][0, 0], places[0][0, 1], "o", color="black", markersize=7)
    axes.legend(fontsize=8)
    axes.set(xlabel=f"first direction, {shares[0]:.0%} of the variance", ylabel=f"second, {shares[1]:.0%}")
    return figure


def _score_lengths(found: list[Descent]) -> Any:
    figure, axes = _figure("length of the score, per latent")
    for one, colour in zip(found, COLOURS, strict=False):
        axes.plot(one.timesteps, one.lengths, "-o", color=colour, markersize=3)
    axes.set(xlabel="timestep", yscale="log")
    axes.invert_xaxis()
    return figure


def _directions(found: list[Descent]) -> Any:
    figure, axes = _figure("— straight on   -- towards the result")
    for one, colour in zip(found, COLOURS, strict=False):
        axes.plot(one.timesteps, one.turns, "-", color=colour)
        axes.plot(one.timesteps, one.aims, "--", color=colour)
    axes.set(xlabel="timestep", ylabel="cosine", ylim=(-1.05, 1.05))
    axes.invert_xaxis()
    return figure


def norms(found: list[Scaled], name: str, top: float) -> Any:
    """Norm of the difference per step at each scale; `top` is the end of the axis."""
    figure, axes = _figure(f"‖with caption − without‖, {_plain(name)}")
    for one, colour in zip(found, COLOURS * len(found), strict=False):
        asked = [(t, d) for t, d in zip(one.timesteps, one.differences, strict=True) if d]
        if asked:
            axes.plot(*zip(*asked, strict=True), "-o", markersize=3, color=colour, label=f"{one.scale:g}")
    axes.invert_xaxis()
    axes.set(xlabel="timestep", ylim=(0, 1.05 * top or None))
    if axes.lines:
        axes.legend(fontsize=8, title="scale", ncols=2)
    return figure


def gauge(models: dict[str, list[Scaled]]) -> Any:
    """Saturation and contrast over the scales, a line style a model."""
    figure, axes = _figure("saturation gauge")
    for (name, found), style in zip(models.items(), ("-o", "--s"), strict=False):
        scales = [one.scale for one in found]
        of = f", {_plain(name)}" if len(models) > 1 else ""
        axes.plot(scales, [one.saturation for one in found], style, color=AMBER, markersize=4, label=f"at the ends{of}")
        axes.plot(scales, [one.contrast for one in found], style, color=TEAL, markersize=4, label=f"contrast{of}")
    axes.set_xlabel("guidance scale")
    axes.legend(fontsize=7)
    return figure


def over(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Attention laid over a picture, at its own brightness: (height, width, 3) uint8.

    Args:
        picture: (height, width, channels) uint8. values: (height, width) of the latents.
    """
    from matplotlib import colormaps
    from PIL import Image

    spread = (values - values.min()) / max(1e-12, float(values.max() - values.min()))
    map_ = Image.fromarray((255 * spread).astype(np.uint8)).resize(picture.shape[1::-1], Image.Resampling.BICUBIC)
    heat = colormaps["magma"](np.asarray(map_))[..., :3] * 255
    return (0.35 * np.broadcast_to(picture, heat.shape) + 0.65 * heat).round().astype(np.uint8)


def _numbers(latents: Tensor) -> np.ndarray:
    return latents.float().cpu().numpy().ravel()


def _figure(title: str = "") -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 3.2), layout="constrained", dpi=DOTS_AN_INCH)
    axes = figure.subplots()
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=9)
    axes.grid(color="#e2e8f0", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend_above(axes: Any) -> None:
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), columnspacing=1, handlelength=1.2)  # fmt: skip


def _plain(word: str) -> str:
    return word.replace("$", r"\$")  # matplotlib reads formulas between $
