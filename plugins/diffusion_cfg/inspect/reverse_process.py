"""The reverse process decoded step by step: x_t, predicted noise and predicted x_0, with their norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plugins.diffusion_cfg.images import data_url
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.loop import SamplingStep, sample
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.errors import UserError

MAX_SHOWN_STEPS = 200


@dataclass(frozen=True)
class DecodedStep:
    """One step for display; images are (channels, height, width) in [-1, 1].

    Args:
        noisy, clean: x_t and the predicted x_0, decoded. noise: the predicted noise, its latents as colours.
        score_length: Norm of the score, -noise / sigma, per latent (root mean square).
        difference: Norm of the conditional minus the unconditional prediction per latent; 0 without guidance.
    """

    number: int
    timestep: float
    snr: float
    noisy: Tensor
    noise: Tensor
    clean: Tensor
    score_length: float
    difference: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, images as data URLs."""
        images = {name: data_url(getattr(self, name)) for name in ("noisy", "noise", "clean")}
        norms = {"score_length": self.score_length, "difference": self.difference}
        return {"step": self.number, "timestep": self.timestep, "snr": self.snr, **images, **norms}


def decode_trajectory(model: LoadedPipeline, request: GenerationRequest) -> list[DecodedStep]:
    """Every step of generating the request's first image, decoded.

    Raises:
        UserError: If there are more than 200 steps; see also `sample`.
    """
    if request.steps > MAX_SHOWN_STEPS:
        raise UserError(f"steps: {request.steps} were asked for; at most {MAX_SHOWN_STEPS} are shown one by one.")
    return [decode_step(model, step) for step in sample(model, request)]


def decode_step(model: LoadedPipeline, step: SamplingStep) -> DecodedStep:
    """The first image of a step, decoded."""
    noisy, clean = model.decode(torch.cat([step.noisy[:1], step.clean[:1]]))
    sigma = max(step.sigma, 1e-9)
    return DecodedStep(
        number=step.number,
        timestep=step.timestep,
        snr=(step.alpha / sigma) ** 2,
        noisy=noisy,
        noise=latents_to_colours(step.noise[0]),
        clean=clean,
        score_length=rms(step.noise[:1]) / sigma,
        difference=guidance_difference(step),
    )


def guidance_difference(step: SamplingStep) -> float:
    """Norm of conditional minus unconditional prediction of the first image, per latent; 0 without guidance."""
    return 0.0 if step.unconditional is None else rms(step.conditional[:1] - step.unconditional[:1])


def rms(values: Tensor) -> float:
    """Root mean square."""
    return float(values.float().square().mean().sqrt())


def latents_to_colours(latents: Tensor) -> Tensor:
    """Latents (channels, height, width) as an image: the first three as RGB, clipped at two deviations."""
    channels = latents[:3] if len(latents) >= 3 else latents[:1]
    return (channels / 2).clamp(-1, 1)
