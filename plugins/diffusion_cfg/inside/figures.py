"""The figures of "Look inside"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.diffusion_cfg.inside import toy

if TYPE_CHECKING:
    from torch import Tensor

    from plugins.diffusion_cfg.inside.descent import Descent
    from plugins.diffusion_cfg.inside.guidance import Scaled

TEAL, AMBER, GREY = "#0f766e", "#b45309", "#64748b"
COLOURS = (TEAL, AMBER, "#7c3aed", "#be185d", "#1d4ed8", "#4d7c0f")
TOY_PIXELS = 560


def schedule_curves(curves: dict[str, Any], timestep: float) -> Any:
    """alpha_bar and sigma, and the SNR in decibel, with a line at the timestep."""
    figure, (left, right) = _figure(8, 2.8, 2)
    left.plot(curves["alpha_bar"], color=TEAL, label="ᾱ: share of the variance that is picture")
    left.plot(curves["sigma"], color=AMBER, label="σ: deviation of the noise")
    left.legend(fontsize=8)
    right.plot(curves["snr_db"], color=TEAL)
    right.axhline(0, color=GREY, linestyle=":")
    right.set_ylabel("signal to noise, dB")
    for axes in (left, right):
        axes.axvline(timestep, color="black", linestyle="--", linewidth=1)
        axes.set_xlabel("timestep")
    return figure


def latents_histogram(latents: Tensor) -> Any:
    """The numbers that the denoiser sees, beside the Gaussian that they turn into."""
    values = latents.float().cpu().numpy().ravel()
    figure, [axes] = _figure(8, 2.4, 1)
    axes.hist(values, np.linspace(-4, 4, 61).tolist(), density=True, color=TEAL, alpha=0.7, label="x_t")
    grid = np.linspace(-4, 4, 200)
    axes.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color=AMBER, label="Gaussian")
    axes.legend(fontsize=8)
    axes.set(xlabel="value", ylabel="density")
    return figure


def ways(found: list[Descent]) -> Any:
    """The ways in two dimensions, and length and direction of the score at every step."""
    from plugins.diffusion_cfg.inside.descent import flattened

    places, guesses, shares = flattened(found)
    figure, (left, middle, right) = _figure(11, 3.6, 3)
    for one, way, guess, colour in zip(found, places, guesses, COLOURS, strict=False):
        left.plot(way[:, 0], way[:, 1], "-o", color=colour, markersize=3, label=one.name)
        left.plot(guess[:, 0], guess[:, 1], ":", color=colour, linewidth=1)
        left.plot(way[-1, 0], way[-1, 1], "*", color=colour, markersize=12)
        middle.plot(one.timesteps, one.lengths, "-o", color=colour, markersize=3)
        right.plot(one.timesteps, one.turns, "-", color=colour)
        right.plot(one.timesteps, one.aims, "--", color=colour)
    left.legend(fontsize=8)
    left.set(title="— x_t   ·· predicted x_0   ★ result", xlabel=f"first direction, {shares[0]:.0%}", ylabel=f"second, {shares[1]:.0%}")  # fmt: skip
    middle.set(title="length of the score, per latent", xlabel="timestep", yscale="log")
    right.set(title="— turn from step to step   -- aim", xlabel="timestep", ylabel="cosine", ylim=(-1.05, 1.05))
    for axes in (middle, right):
        axes.invert_xaxis()
    return figure


def differences(found: list[Scaled]) -> Any:
    """Norm of the difference per step at each scale, and the saturation gauge."""
    figure, (left, right) = _figure(9, 3, 2)
    for place, one in enumerate(found):
        asked = [(t, d) for t, d in zip(one.timesteps, one.differences, strict=True) if d]
        if asked:
            left.plot(
                *zip(*asked, strict=True),
                "-o",
                markersize=3,
                color=COLOURS[place % len(COLOURS)],
                label=f"{one.scale:g}",
            )
    left.invert_xaxis()
    left.set(title="‖conditional − unconditional‖ per latent", xlabel="timestep")
    if left.lines:
        left.legend(fontsize=8, title="scale", ncols=2)
    right.plot([one.scale for one in found], [one.saturation for one in found], "-o", color=AMBER, label="pixels at the ends of their range")  # fmt: skip
    right.plot(
        [one.scale for one in found], [one.contrast for one in found], "-o", color=TEAL, label="deviation of the pixels"
    )
    right.set(title="saturation gauge", xlabel="guidance scale")
    right.legend(fontsize=8)
    return figure


def attention_maps(words: list[str], maps: np.ndarray, picture: np.ndarray) -> Any:
    """The picture, and beside it where each word was looked for, every map at its own brightness.

    Args:
        picture: (height, width, channels) uint8.
    """
    columns = min(6, len(words) + 1)
    rows = -(-(len(words) + 1) // columns)
    figure, axes = _figure(1.8 * columns, 2.05 * rows, columns, rows)
    for each in axes:
        each.axis("off")
    shown = picture[..., 0] if picture.shape[-1] == 1 else picture
    axes[0].imshow(shown, cmap="gray" if shown.ndim == 2 else None)
    for word, values, each in zip(words, maps, axes[1:], strict=False):
        each.imshow(values, cmap="magma")
        each.set_title(f"{_plain(word)}  {values.mean():.0%}", fontsize=9)
    return figure


def field(time: float, label: str, scale: float, point: tuple[float, float] | None, steps: int) -> np.ndarray:
    """The two moons at a time: density, score arrows, and the way of the dropped point; (pixels, pixels, 3) uint8, axes to the edges."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(TOY_PIXELS / 100, TOY_PIXELS / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-toy.REACH, toy.REACH), ylim=(-toy.REACH, toy.REACH))
    axes.axis("off")
    fine = np.linspace(-toy.REACH, toy.REACH, 110)
    grid = np.stack(np.meshgrid(fine, fine), -1).reshape(-1, 2)
    axes.contourf(fine, fine, toy.density(grid, time).reshape(len(fine), -1), 14, cmap="GnBu")
    coarse = np.linspace(-toy.REACH, toy.REACH, 25)[1:-1]
    places = np.stack(np.meshgrid(coarse, coarse), -1).reshape(-1, 2)
    arrows = toy.guided_score(places, time, label, scale)
    lengths = np.linalg.norm(arrows, axis=1, keepdims=True)
    shown = (
        arrows
        / np.maximum(lengths, 1e-9)
        * np.minimum(lengths, np.median(lengths) * 2)
        / max(1e-9, float(np.median(lengths)) * 2)
    )
    axes.quiver(places[:, 0], places[:, 1], shown[:, 0], shown[:, 1], color="#334155", scale=26, width=0.0028)
    if point is not None:
        way = toy.path(np.asarray(point), label, scale, steps, max(time, 0.02))
        axes.plot(way[:, 0], way[:, 1], "-o", color=AMBER, markersize=3)
        axes.plot(*point, "o", color="black", markersize=8)
        axes.plot(way[-1, 0], way[-1, 1], "*", color="#be185d", markersize=18)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def to_place(pixel: tuple[int, int]) -> tuple[float, float]:
    """Where in the plane a pixel (column, row) of `field` lies."""
    return (2 * pixel[0] / TOY_PIXELS - 1) * toy.REACH, (1 - 2 * pixel[1] / TOY_PIXELS) * toy.REACH


def _figure(width: float, height: float, columns: int, rows: int = 1) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def _plain(word: str) -> str:
    return word.replace("$", r"\$")  # matplotlib reads formulas between $
