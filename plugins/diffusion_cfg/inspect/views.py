"""What the boxes of "Look inside" show: pictures, figures and a sentence, made of what the other files compute."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plugins.diffusion_cfg.answers import check_scales, check_shown_steps, need
from plugins.diffusion_cfg.images import enlarged, grid, labelled, to_image
from plugins.diffusion_cfg.inspect import animation, figures, film_strips, two_moons
from plugins.diffusion_cfg.inspect.cross_attention import looks
from plugins.diffusion_cfg.inspect.forward_process import noised, schedule
from plugins.diffusion_cfg.inspect.guidance_scales import Scaled, strip, taken_apart
from plugins.diffusion_cfg.inspect.reverse_process import film, frame
from plugins.diffusion_cfg.inspect.score_descent import describe
from plugins.diffusion_cfg.inspect.two_moons_plot import EARLIEST, field
from plugins.diffusion_cfg.sampling.generate import draw
from plugins.diffusion_cfg.sampling.loop import sample
from plugins.diffusion_cfg.sampling.request import Recipe
from training.errors import UserError

OWN = Recipe("", guidance_scale=1.0, steps=12)  # whatever comes
SCALED = 160  # pixels a side of a scale's picture

Captioned = list[tuple[Any, str]]  # pictures with words below


def forward(model: Any, file: Path | None, timestep: float) -> tuple[Any, ...]:
    """x_0, x_t and the same noise on the pixels themselves; the schedule's two curves and the histogram; a sentence."""
    found = noised(need(model), file or own_picture(model), timestep)
    said = f"t = {found.timestep:g}: ᾱ = {found.alpha**2:.4f}, {found.alpha**2:.0%} of the variance is picture; signal to noise {found.snr:.3g}."
    shown = [(found.original, "x_0"), (found.noisy, "x_t")]
    if model.factor > 1:
        shown = [(found.original, "x_0"), (found.noisy, "x_t of the latents, decoded"), (found.on_pixels, "the same on pixels")]  # fmt: skip
    curves = figures.schedule_curves(schedule(model), found.timestep)
    return _gallery(shown), *curves, figures.latents_histogram(found.clean, found.latents), said


def looked(model: Any, file: Path | None, timestep: float, prompt: str) -> tuple[Any, ...]:
    """The noisy picture, what is removed (about grey), what is left, and the truth; and how right it was."""
    found = noised(need(model), file or own_picture(model), timestep, prompt)
    removed = (found.noisy - found.predicted) / 2
    said = f"t = {found.timestep:g}: of the noise it missed {found.error:.1%} (its mean squared error; 100 % is knowing nothing)."
    shown = [(found.noisy, "handed to it"), (removed, "what it takes away"), (found.predicted, "what is left"), (found.original, "the truth")]  # fmt: skip
    return _gallery(shown), said


def own_picture(model: Any) -> Path:
    """A picture that the model drew, kept beside it: for who has none."""
    if not hasattr(model, "own_picture"):
        file = Path(tempfile.mkdtemp(prefix="selfsup-")) / "own.png"
        to_image(draw(model, OWN)[0]).save(file)
        model.own_picture = file
    return model.own_picture


def attention(model: Any, recipe: Recipe, share: float) -> Captioned:
    """The picture, and for each word the same picture with where it was looked at."""
    found = looks(need(model), recipe, share)
    picture = enlarged(to_image(found.picture))
    pixels = np.asarray(picture.convert("RGB"))
    maps = [(figures.over(pixels, values), f"{word} {values.mean():.0%}") for word, values in zip(found.words, found.maps, strict=True)]  # fmt: skip
    return [(picture, "drawn"), *maps]


def films(model: Any, recipe: Recipe, samplers: list[str]) -> tuple[Any, ...]:
    """The samplers' strips below each other, the GIF's path, and GIF and MP4 as files."""
    check_shown_steps(recipe.steps)
    found = {name: film(need(model), replace(recipe, sampler=name)) for name in samplers}
    folder = Path(tempfile.mkdtemp(prefix="selfsup-"))
    gif, mp4 = folder / "film.gif", folder / "film.mp4"
    pictures = animation.moving(list(found.values()))
    animation.to_gif(pictures, gif)
    animation.to_mp4(pictures, mp4)
    return film_strips.stacked([film_strips.of_film(*each) for each in found.items()]), str(gif), [str(gif), str(mp4)]


def ways(model: Any, recipe: Recipe, samplers: list[str]) -> tuple[Any, ...]:
    """Figures of the samplers' ways from the same noise, and of the first one where the score pulls at every step."""
    if not samplers:
        raise UserError("Choose a sampler first.")
    drawn = {name: list(sample(need(model), replace(recipe, sampler=name))) for name in samplers}
    first = [frame(model, step) for step in film_strips.thinned(drawn[samplers[0]])]
    described = [describe(steps, name) for name, steps in drawn.items()]
    return *figures.ways(described), film_strips.of_pull(samplers[0], first)


def scale_strip(model: Any, recipe: Recipe, scales: list[float]) -> tuple[Any, list[Scaled]]:
    """The pictures side by side, each with its scale and how much of it is burnt out; and what was measured."""
    check_scales(scales)
    found = strip(need(model), recipe, scales)
    pictures = [labelled(enlarged(to_image(one.picture), SCALED), f"{one.scale:g}: {one.saturation:.0%} at the ends") for one in found]  # fmt: skip
    return labelled(grid(pictures, len(found)), f"{model.name}, by guidance scale"), found


def scale_figures(models: dict[str, list[Scaled]]) -> list[Any]:
    """Norms of the difference, a figure a model on the same axis, and the gauge of all."""
    top = max((norm for found in models.values() for one in found for norm in one.differences), default=0.0)
    return [*(figures.norms(found, name, top) for name, found in models.items()), figures.gauge(models)]


def guidance_parts(model: Any, recipe: Recipe) -> Any:
    """Strip of the two predictions at every step, their difference, and what the scale makes of them."""
    found = taken_apart(need(model), recipe)
    if not found:
        raise UserError("At scale 1 nothing is guided: only the prediction with the caption is asked for. Choose another scale, or widen the interval.")  # fmt: skip
    return film_strips.of_guidance(found)


def toy_field(time: float, label: str, scale: float, point: Any, steps: int) -> tuple[Any, str]:
    """The field's picture, and where the dropped point ended."""
    place = (float(point[0]), float(point[1])) if point else None
    picture = field(time, label, scale, place, steps)
    if place is None:
        return picture, "No point is dropped yet."
    way = two_moons.path(np.asarray(place), label, scale, steps, max(time, EARLIEST))
    off = two_moons.nearest(way[-1])
    where = "on a moon" if off < 3 else f"{off:.0f} deviations off the moons"
    return (
        picture,
        f"Dropped at ({place[0]:.2f}, {place[1]:.2f}); after {steps} steps at ({way[-1, 0]:.2f}, {way[-1, 1]:.2f}), {where}.",
    )


def _gallery(shown: list[tuple[Any, str]]) -> Captioned:
    return [(enlarged(to_image(picture)), words) for picture, words in shown]
