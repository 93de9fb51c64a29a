"""What the guidance scale does: pictures over scales, the difference that is scaled, and how much of a picture it burns out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from plugins.diffusion_cfg.inside.reverse import difference
from plugins.diffusion_cfg.sampling.loop import sample

if TYPE_CHECKING:
    from plugins.diffusion_cfg.framework.diffuser import Diffuser
    from plugins.diffusion_cfg.sampling.recipe import Recipe

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


def three_ways(model: Diffuser, recipe: Recipe) -> tuple[Tensor, list[float], list[float]]:
    """A prompt drawn without the caption (scale 0), with it (1), and guided, from the same noise.

    Returns:
        Pictures (3, channels, height, width); timesteps; norms of the difference at the guided steps.
    """
    found = strip(model, recipe, [0.0, 1.0, recipe.guidance_scale])
    return torch.stack([one.picture for one in found]), found[2].timesteps, found[2].differences
