"""What the boxes of "Look inside" show: pictures, figures and a sentence, made of what the other files compute."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plugins.diffusion_cfg.answers import check_scales, check_shown_steps, need
from plugins.diffusion_cfg.inside import figures, toy
from plugins.diffusion_cfg.inside.attention import looks
from plugins.diffusion_cfg.inside.descent import descend
from plugins.diffusion_cfg.inside.forward import noised, schedule
from plugins.diffusion_cfg.inside.guidance import strip
from plugins.diffusion_cfg.inside.reverse import Frame, film, to_gif
from plugins.diffusion_cfg.pictures import SMALL, enlarged, grid, labelled, to_image
from plugins.diffusion_cfg.sampling.drawing import draw
from plugins.diffusion_cfg.sampling.recipe import Recipe
from training.errors import UserError

OWN = Recipe("", guidance_scale=1.0, steps=12)  # whatever comes
SHOWN_FRAMES = 12  # of a film strip


def forward(model: Any, file: Path | None, timestep: float) -> tuple[Any, ...]:
    """x_t as an image, the schedule's curves, the histogram of what the denoiser sees, and a sentence."""
    found = noised(need(model), file or own_picture(model), timestep)
    said = f"t = {found.timestep:g}: ᾱ = {found.alpha**2:.4f}, {found.alpha**2:.0%} of the variance is picture; signal to noise {found.snr:.3g}."
    curves = figures.schedule_curves(schedule(model), found.timestep)
    return enlarged(to_image(found.noisy)), curves, figures.latents_histogram(found.latents), said


def looked(model: Any, file: Path | None, timestep: float, prompt: str) -> tuple[Any, ...]:
    """The noisy picture, what is removed (about grey), what is left; and how right it was."""
    found = noised(need(model), file or own_picture(model), timestep, prompt)
    removed = (found.noisy - found.predicted) / 2
    said = f"t = {found.timestep:g}: of the noise it missed {found.error:.1%} (its mean squared error; 100 % is knowing nothing)."
    pictures = [enlarged(to_image(each)) for each in (found.noisy, removed, found.predicted)]
    return pictures, said


def own_picture(model: Any) -> Path:
    """A picture that the model drew, kept beside it: for who has none."""
    if not hasattr(model, "own_picture"):
        file = Path(tempfile.mkdtemp(prefix="selfsup-")) / "own.png"
        to_image(draw(model, OWN)[0]).save(file)
        model.own_picture = file
    return model.own_picture


def attention(model: Any, recipe: Recipe, share: float) -> Any:
    """Figure of the picture and a map a word."""
    found = looks(need(model), recipe, share)
    pixels = np.asarray(to_image(found.picture))
    return figures.attention_maps(found.words, found.maps, pixels if pixels.ndim == 3 else pixels[..., None])


def films(model: Any, recipe: Recipe, samplers: list[str]) -> tuple[Any, ...]:
    """The samplers' strips below each other, the GIF's path, and the same as a file."""
    check_shown_steps(recipe.steps)
    found = {name: film(need(model), replace(recipe, sampler=name)) for name in samplers}
    path = Path(tempfile.mkdtemp(prefix="selfsup-")) / "film.gif"
    to_gif(list(found.values()), path)
    strips = [
        labelled(_as_strip(frames), f"{name}: x_t, predicted noise, predicted x_0") for name, frames in found.items()
    ]
    return grid(strips, 1), str(path), str(path)


def _as_strip(frames: list[Frame]) -> Any:
    shown = [frames[round(place)] for place in np.linspace(0, len(frames) - 1, min(SHOWN_FRAMES, len(frames)))]
    rows = [to_image(getattr(frame, name)).convert("RGB") for name in ("noisy", "noise", "clean") for frame in shown]
    sides = max(picture.width for picture in rows)
    return grid(
        [enlarged(each.resize((sides, sides), 0) if each.width < sides else each, SMALL) for each in rows], len(shown)
    )


def ways(model: Any, recipe: Recipe, samplers: list[str]) -> Any:
    """Figure of the samplers' ways from the same noise."""
    if not samplers:
        raise UserError("Choose a sampler first.")
    return figures.ways([descend(need(model), replace(recipe, sampler=name), name) for name in samplers])


def scale_strip(model: Any, recipe: Recipe, scales: list[float]) -> tuple[Any, Any]:
    """The pictures side by side, each with its scale, and the figure of what was measured."""
    check_scales(scales)
    found = strip(need(model), recipe, scales)
    pictures = [labelled(enlarged(to_image(one.picture), 160), f"scale {one.scale:g}") for one in found]
    return labelled(grid(pictures, len(found)), model.name), figures.differences(found)


def toy_field(time: float, label: str, scale: float, point: Any, steps: int) -> tuple[Any, str]:
    """The field's picture, and where the dropped point ended."""
    place = (float(point[0]), float(point[1])) if point else None
    picture = figures.field(time, label, scale, place, steps)
    if place is None:
        return picture, "No point is dropped yet."
    way = toy.path(np.asarray(place), label, scale, steps, max(time, 0.02))
    off = toy.nearest(way[-1])
    where = "on a moon" if off < 3 else f"{off:.0f} deviations off the moons"
    return (
        picture,
        f"Dropped at ({place[0]:.2f}, {place[1]:.2f}); after {steps} steps at ({way[-1, 0]:.2f}, {way[-1, 1]:.2f}), {where}.",
    )
