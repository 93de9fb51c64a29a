"""The effect of the guidance scale: images over scales, the guidance difference per step, and saturation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plugins.diffusion_cfg.inspect.reverse_process import guidance_difference
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.loop import SamplingStep, sample
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.errors import UserError

SATURATION_THRESHOLD = 0.98  # of the range -1 to 1: beyond it a channel of a pixel counts as saturated
MAX_SCALES = 16


@dataclass(frozen=True)
class ScaleResult:
    """The image at one guidance scale, (channels, height, width) in [-1, 1], and what was measured at its steps.

    Args:
        differences: Norm per latent of the conditional minus the unconditional prediction, per step; 0 without
            guidance.
        timesteps: Of the steps.
        saturation: Share of the pixels' channels within 1 % of either end of their range, before clipping.
        contrast: Standard deviation of the pixels.
    """

    scale: float
    image: Tensor
    differences: list[float]
    timesteps: list[float]
    saturation: float
    contrast: float


def generate_over_scales(model: LoadedPipeline, request: GenerationRequest, scales: list[float]) -> list[ScaleResult]:
    """The request's first image at each scale.

    Raises:
        UserError: If there is no scale, or more than 16.
    """
    if not 1 <= len(scales) <= MAX_SCALES:
        raise UserError(f"{len(scales)} scales were given; 1 to {MAX_SCALES} are possible.")
    return [_generate(model, replace(request, guidance_scale=scale, n_images=1)) for scale in scales]


def _generate(model: LoadedPipeline, request: GenerationRequest) -> ScaleResult:
    steps = list(sample(model, request))
    image = model.decode(steps[-1].latents)[0].float().cpu()
    return ScaleResult(
        scale=request.guidance_scale,
        image=image,
        differences=[guidance_difference(step) for step in steps],
        timesteps=[step.timestep for step in steps],
        saturation=saturation(image),
        contrast=float(image.clamp(-1, 1).std()),
    )


def saturation(image: Tensor) -> float:
    """Share of the values at the ends of their range."""
    return float((image.abs() >= SATURATION_THRESHOLD).float().mean())


@dataclass(frozen=True)
class GuidanceDecomposition:
    """The predictions of x_0 at one step, decoded, each (channels, height, width) in [-1, 1].

    Args:
        norm: Of the difference of the conditional and the unconditional prediction, per latent.
    """

    timestep: float
    unconditional: Tensor
    conditional: Tensor
    guided: Tensor
    norm: float

    @property
    def difference(self) -> Tensor:
        """What the caption adds; 0 (no difference) is grey."""
        return (self.conditional - self.unconditional) / 2


def decompose_guidance(model: LoadedPipeline, request: GenerationRequest) -> list[GuidanceDecomposition]:
    """The guided steps of generating the request's first image; none at scale 1, where nothing is guided."""
    steps = sample(model, replace(request, n_images=1))
    return [_decompose(model, step, step.unconditional) for step in steps if step.unconditional is not None]


def _decompose(model: LoadedPipeline, step: SamplingStep, unconditional: Tensor) -> GuidanceDecomposition:
    timestep = torch.tensor(step.timestep)
    predictions = [
        model.noise_schedule.to_clean_and_noise(prediction, step.noisy, timestep)[0][:1]
        for prediction in (unconditional, step.conditional)
    ]
    images = model.decode(torch.cat([*predictions, step.clean[:1]]))
    return GuidanceDecomposition(step.timestep, *images, norm=guidance_difference(step))
