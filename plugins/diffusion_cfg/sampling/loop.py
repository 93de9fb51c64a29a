"""The sampling loop: the reverse process as a generator of steps, which the caller may inspect or stop."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling import guidance
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.sampling.schedulers import make_scheduler
from plugins.diffusion_cfg.sampling.validate import validated
from training.errors import UserError


@dataclass(frozen=True)
class SamplingStep:
    """One step of the reverse process. Tensors are latents, (images, channels, height, width).

    Args:
        number, total: From 1 to `total`.
        noisy: x_t before the step, as the denoiser sees it: alpha x_0 + sigma noise.
        clean, noise: x_0 and noise of the guided prediction.
        conditional, unconditional: Predictions with and without the caption, in the model's prediction type; the second
            is None if it was not needed.
        latents: After the step, in the scheduler's own scale.
    """

    number: int
    total: int
    timestep: float
    alpha: float
    sigma: float
    noisy: Tensor
    clean: Tensor
    noise: Tensor
    conditional: Tensor
    unconditional: Tensor | None
    latents: Tensor


def sample(model: LoadedPipeline, request: GenerationRequest, start: Tensor | None = None) -> Iterator[SamplingStep]:
    """Yield every step of the reverse process; the last one's `latents` are the result.

    Args:
        start: Latents of initial images (image to image), (1 or images, channels, height, width).

    Raises:
        UserError: See `validated`; also if the latents are no longer finite.
    """
    request = validated(model, request)
    scheduler = make_scheduler(model, request.sampler, request.steps)
    generators = [torch.Generator().manual_seed(request.seed + index) for index in range(request.n_images)]
    timesteps = _timesteps(scheduler, request, start is not None)
    latents = _first_latents(model, scheduler, request, generators, timesteps[0], start)
    guided = _GuidedDenoiser(model, request)
    with torch.inference_mode():
        for number, timestep in enumerate(timesteps, 1):
            fields = guided.step(scheduler, latents, timestep, generators)
            latents = fields["latents"]
            if not torch.isfinite(latents).all():
                raise UserError(
                    f"After step {number} of {len(timesteps)} the latents are no longer finite: the weights are "
                    f"damaged, or the guidance scale {request.guidance_scale:g} is too high for them."
                )
            yield SamplingStep(number, len(timesteps), **fields)


class _GuidedDenoiser:
    """Predicts with and without the caption in one batch, combines the two, and takes the scheduler's step."""

    def __init__(self, model: LoadedPipeline, request: GenerationRequest):
        self.model, self.request, self.schedule = model, request, model.noise_schedule
        count = request.n_images
        self.caption = model.encode_texts([request.prompt]).expand(count, -1, -1)
        negative = model.encode_texts([request.negative_prompt]).expand(count, -1, -1)
        self.both = torch.cat([negative, self.caption])
        self.projection = guidance.AdaptiveProjection()
        self.scale_embedding = _scale_embedding(model, request)

    def step(self, scheduler: Any, latents: Tensor, timestep: Tensor, generators: list) -> dict[str, Any]:
        """The fields of a `SamplingStep` except its number."""
        scale_input = getattr(scheduler, "scale_model_input", None)  # flow matching schedulers have none
        noisy = scale_input(latents, timestep) if scale_input else latents
        conditional, unconditional = self._predict(noisy, timestep)
        guided = self._combine(conditional, unconditional, noisy, timestep)
        clean, noise = self.schedule.to_clean_and_noise(guided, noisy, timestep)
        if self.request.guidance_method == "cfg++" and unconditional is not None:
            unconditional_noise = self.schedule.to_clean_and_noise(unconditional, noisy, timestep)[1]
            next_latents = _cfg_plus_plus_step(clean, unconditional_noise, scheduler, timestep)
        else:
            next_latents = _scheduler_step(scheduler, guided, timestep, latents, generators)
        alpha, sigma = (float(level) for level in self.schedule.alpha_sigma(timestep))
        return {
            "timestep": float(timestep), "alpha": alpha, "sigma": sigma, "noisy": noisy, "clean": clean, "noise": noise,
            "conditional": conditional, "unconditional": unconditional, "latents": next_latents,
        }  # fmt: skip

    def _predict(self, noisy: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor | None]:
        """Conditional and unconditional prediction; the second only if the scale needs it: at 1 it cancels out."""
        request, position = self.request, float(timestep) / self.schedule.num_timesteps
        in_interval = request.interval_low <= position <= request.interval_high
        unguided = request.guidance_scale == 1 and request.guidance_method != "cfg++"
        if self.model.takes_guidance_scale or not in_interval or unguided:
            return self.model.predict(noisy, timestep, self.caption, self.scale_embedding), None
        predictions = self.model.predict(torch.cat([noisy, noisy]), timestep, self.both)
        unconditional, conditional = predictions.chunk(2)
        return conditional, unconditional

    def _combine(self, conditional: Tensor, unconditional: Tensor | None, noisy: Tensor, timestep: Tensor) -> Tensor:
        """The guided prediction, in the model's prediction type."""
        if unconditional is None:
            return conditional
        scale = self.request.guidance_scale
        if self.request.guidance_method == "apg":
            conditional_clean, unconditional_clean = (
                self.schedule.to_clean_and_noise(prediction, noisy, timestep)[0]
                for prediction in (conditional, unconditional)
            )
            clean = self.projection(conditional_clean, unconditional_clean, scale)
            return self.schedule.from_clean(clean, noisy, timestep)
        guided = guidance.classifier_free(conditional, unconditional, scale)
        return guidance.rescale(guided, conditional, self.request.guidance_rescale)


def _cfg_plus_plus_step(clean: Tensor, unconditional_noise: Tensor, scheduler: Any, timestep: Tensor) -> Tensor:
    next_timestep = int(timestep) - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
    alpha_bar = scheduler.alphas_cumprod[next_timestep] if next_timestep >= 0 else scheduler.final_alpha_cumprod
    return guidance.cfg_plus_plus_step(clean, unconditional_noise, alpha_bar.sqrt(), (1 - alpha_bar).sqrt())


def _scheduler_step(scheduler: Any, prediction: Tensor, timestep: Tensor, latents: Tensor, generators: list) -> Tensor:
    """The scheduler's own step; stochastic ones sample each image's noise from its own generator."""
    stochastic = "generator" in inspect.signature(scheduler.step).parameters
    options = {"generator": generators} if stochastic else {}
    return scheduler.step(prediction, timestep, latents, **options, return_dict=False)[0]


def _timesteps(scheduler: Any, request: GenerationRequest, from_image: bool) -> Tensor:
    """All timesteps, or the last of them for image to image (SDEdit; Meng et al., 2022)."""
    if not from_image:
        return scheduler.timesteps
    taken = min(request.steps, max(1, int(request.steps * request.strength)))
    first = (request.steps - taken) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):  # DDPM, DDIM and LCM have none
        scheduler.set_begin_index(first)
    return scheduler.timesteps[first:]


def _first_latents(
    model: LoadedPipeline,
    scheduler: Any,
    request: GenerationRequest,
    generators: list,
    timestep: Tensor,
    start: Tensor | None,
) -> Tensor:
    """Pure noise, or an image with the noise of the first timestep; sampled on the CPU, so equal on every machine.

    An initial image gets the second noise of the seed: the image may have been generated from the first one, and the
        two would add up.
    """
    factor = model.downsample_factor
    shape = (model.latent_channels, request.height // factor, request.width // factor)
    noises = 1 if start is None else 2
    noise = torch.cat([torch.randn((noises, *shape), generator=generator)[-1:] for generator in generators])
    noise = noise.to(model.device)
    if start is None:
        return noise * getattr(scheduler, "init_noise_sigma", 1.0)
    start = start.expand(request.n_images, -1, -1, -1)
    timesteps = timestep.reshape(1).expand(request.n_images)
    if hasattr(scheduler, "add_noise"):
        return scheduler.add_noise(start, noise, timesteps)
    return scheduler.scale_noise(start, timesteps, noise)  # flow matching


def _scale_embedding(model: LoadedPipeline, request: GenerationRequest) -> Tensor | None:
    """The guidance scale as an input, for consistency models that take it (Luo et al., 2023, §4.3)."""
    if not model.takes_guidance_scale:
        return None
    scales = torch.full((request.n_images,), request.guidance_scale - 1)
    width = model.unet.config["time_cond_proj_dim"]
    return model.pipeline.get_guidance_scale_embedding(scales, embedding_dim=width).to(model.device)
