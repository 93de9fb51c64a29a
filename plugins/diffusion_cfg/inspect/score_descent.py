"""Sampling as descent on -log p: the path through latent space, the score's length and the direction of each step.

Song et al. (2021), "Score-based generative modeling through stochastic differential equations".
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.loop import SamplingStep, sample
from plugins.diffusion_cfg.sampling.request import GenerationRequest


@dataclass(frozen=True)
class Trajectory:
    """The path of one image through latent space.

    Args:
        latents: x_t at every step and the result, (steps + 1, values).
        predictions: The predicted x_0 at every step, (steps, values).
        timesteps, score_lengths: Per step; the root mean square of the score, the gradient of log p(x_t).
        turns: Cosine between each step and the one before; 1 is a straight line.
        aims: Cosine between the direction to the predicted x_0 and the direction to the result.
    """

    name: str
    latents: np.ndarray
    predictions: np.ndarray
    timesteps: list[float]
    score_lengths: list[float]
    turns: list[float]
    aims: list[float]


def sample_trajectory(model: LoadedPipeline, request: GenerationRequest, name: str) -> Trajectory:
    """Generate the request's first image and measure its path."""
    return measure_trajectory(list(sample(model, request)), name)


def measure_trajectory(steps: list[SamplingStep], name: str) -> Trajectory:
    """Measure the path of the first image."""
    noisy = torch.stack([step.noisy[0].flatten() for step in steps]).double().cpu()
    clean = torch.stack([step.clean[0].flatten() for step in steps]).double().cpu()
    result = steps[-1].latents[0].flatten().double().cpu()
    path = torch.cat([noisy, result[None]])
    scores = [-step.noise[0].flatten().double().cpu() / max(step.sigma, 1e-6) for step in steps]
    lengths = [float(score.square().mean().sqrt()) for score in scores]
    turns = [1.0, *(_cosine(before, after) for before, after in itertools.pairwise(path.diff(dim=0)))]
    aims = [_cosine(prediction - x_t, result - x_t) for prediction, x_t in zip(clean, noisy, strict=True)]
    timesteps = [step.timestep for step in steps]
    return Trajectory(name, path.numpy(), clean.numpy(), timesteps, lengths, turns, aims)


def project_2d(trajectories: list[Trajectory]) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Project the paths on the two principal components of all their points together.

    Returns:
        Latents and predictions of each trajectory, (steps, 2); the share of variance of each component, (2,).
    """
    points = np.concatenate([trajectory.latents for trajectory in trajectories])
    centre = points.mean(0)
    _, singular_values, components = np.linalg.svd(points - centre, full_matrices=False)
    shares = singular_values[:2] ** 2 / max(1e-12, float((singular_values**2).sum()))
    axes = components[:2].T
    latents = [(trajectory.latents - centre) @ axes for trajectory in trajectories]
    predictions = [(trajectory.predictions - centre) @ axes for trajectory in trajectories]
    return latents, predictions, shares


def _cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.dot(first, second) / (first.norm() * second.norm()).clamp(min=1e-12))
