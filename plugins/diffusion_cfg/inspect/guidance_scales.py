"""What the guidance scale does: pictures over scales, the difference that is scaled, and how much of a picture it burns out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from plugins.diffusion_cfg.inspect.reverse_process import difference
from plugins.diffusion_cfg.sampling.loop import Step, sample

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser
    from plugins.diffusion_cfg.sampling.request import Recipe

END = 0.98  # of the range -1 to 1: beyond it a channel counts as burnt out


@dataclass(frozen=True)
class Scaled:
    """One scale's picture, (channels, height, width) in [-1, 1], and what was measured while it was drawn.

    Args:
        differences: Norm per latent of conditional minus unconditional prediction, a number a step; 0 where only one was asked.
        timesteps: Of the steps.
        saturation: Share of the pixels' channels within 1 % of either end of their range, before they are cut.
        contrast: Standard deviation of the pixels.
    """

    scale: float
    picture: Tensor
    differences: list[float]
    timesteps: list[float]
    saturation: float
    contrast: float


def strip(model: Diffuser, recipe: Recipe, scales: list[float]) -> list[Scaled]:
    """The recipe's first picture at each scale."""
    return [_one(model, replace(recipe, guidance_scale=scale, n_images=1)) for scale in scales]


def _one(model: Diffuser, recipe: Recipe) -> Scaled:
    steps = list(sample(model, recipe))
    picture = model.decode(steps[-1].latents)[0].float().cpu()
    return Scaled(
        recipe.guidance_scale,
        picture,
        [difference(step) for step in steps],
        [step.timestep for step in steps],
        saturation(picture),
        float(picture.clamp(-1, 1).std()),
    )


def saturation(picture: Tensor) -> float:
    """The gauge: share of values at the ends of their range."""
    return float((picture.abs() >= END).float().mean())


@dataclass(frozen=True)
class Parts:
    """What guidance is made of at one step: predicted x_0, decoded, each (channels, height, width) in [-1, 1].

    Args:
        without, with_caption: Of the two predictions. guided: Of what the scale makes of them.
        norm: Of the predictions' difference, per latent.
    """

    timestep: float
    without: Tensor
    with_caption: Tensor
    guided: Tensor
    norm: float

    @property
    def difference(self) -> Tensor:
        """What the caption adds, about grey."""
        return (self.with_caption - self.without) / 2


def taken_apart(model: Diffuser, recipe: Recipe) -> list[Parts]:
    """The guided steps of drawing the recipe's first picture; none at scale 1, where only one prediction is asked for."""
    steps = sample(model, replace(recipe, n_images=1))
    return [_parts(model, step) for step in steps if step.unconditional is not None]


def _parts(model: Diffuser, step: Step) -> Parts:
    assert step.unconditional is not None
    at = torch.tensor(step.timestep)
    halves = [model.noise.split(each, step.noisy, at)[0] for each in (step.unconditional, step.conditional)]
    without, with_caption, guided = model.decode(torch.cat([*(each[:1] for each in halves), step.clean[:1]]))
    return Parts(step.timestep, without, with_caption, guided, difference(step))
