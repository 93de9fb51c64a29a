"""Sampling as descent: the score pulls the picture towards likelier ones, a step at a time (Song et al., 2021, "Score-based")."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from plugins.diffusion_cfg.sampling.loop import Step, sample

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser
    from plugins.diffusion_cfg.sampling.request import Recipe


@dataclass(frozen=True)
class Descent:
    """One drawing's way through latent space.

    Args:
        places: x_t at every step and the result, (steps + 1, numbers). guesses: the predicted x_0 at every step, (steps, numbers).
        timesteps, lengths: Of each step; the score's length per latent, the gradient of log p(x_t).
        turns: Cosine between a step's direction and the one before; 1 is straight on.
        aims: Cosine between the predicted way to x_0 and the way to the picture that came out.
    """

    name: str
    places: np.ndarray
    guesses: np.ndarray
    timesteps: list[float]
    lengths: list[float]
    turns: list[float]
    aims: list[float]


def descend(model: Diffuser, recipe: Recipe, name: str) -> Descent:
    """Draw the recipe's first picture and measure its way."""
    return describe(list(sample(model, recipe)), name)


def describe(steps: list[Step], name: str) -> Descent:
    """Measure a drawing's first picture."""
    noisy = torch.stack([step.noisy[0].flatten() for step in steps]).double().cpu()
    clean = torch.stack([step.clean[0].flatten() for step in steps]).double().cpu()
    result = steps[-1].latents[0].flatten().double().cpu()
    places = torch.cat([noisy, result[None]])
    scores = [-step.noise[0].flatten().double().cpu() / max(step.sigma, 1e-6) for step in steps]
    lengths = [float(score.square().mean().sqrt()) for score in scores]
    moves = places.diff(dim=0)
    turns = [1.0, *(_cosine(before, after) for before, after in itertools.pairwise(moves))]
    aims = [_cosine(guess - at, result - at) for guess, at in zip(clean, noisy, strict=True)]
    return Descent(name, places.numpy(), clean.numpy(), [step.timestep for step in steps], lengths, turns, aims)


def flattened(found: list[Descent]) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """The ways in two dimensions: the two principal directions of all their places together.

    Returns:
        Places and guesses of each, (steps, 2); the share of the variance that each axis holds, (2,).
    """
    together = np.concatenate([one.places for one in found])
    centre = together.mean(0)
    _, sizes, axes = np.linalg.svd(together - centre, full_matrices=False)
    shares = sizes[:2] ** 2 / max(1e-12, float((sizes**2).sum()))
    project = [[(each - centre) @ axes[:2].T for each in (one.places, one.guesses)] for one in found]
    return [pair[0] for pair in project], [pair[1] for pair in project], shares


def _cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.dot(first, second) / (first.norm() * second.norm()).clamp(min=1e-12))
