"""The reverse process, a step at a time: whoever takes the steps may look at each, or stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from plugins.diffusion_cfg.sampling import guidance
from plugins.diffusion_cfg.sampling.request import Recipe, checked
from plugins.diffusion_cfg.sampling.samplers import make_sampler
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser


@dataclass(frozen=True)
class Step:
    """One step from noise towards a picture. Tensors are (pictures, channels, height, width), of latents.

    Args:
        number, of: From 1 on.
        noisy: x_t before the step, as the denoiser sees it: alpha x_0 + sigma noise.
        clean, noise: What the guided prediction says is in it.
        conditional, unconditional: What the denoiser said with the caption and without, in whatever it predicts (noise, v, flow);
            the second is None where it was not asked.
        latents: After the step, in the sampler's own scale.
    """

    number: int
    of: int
    timestep: float
    alpha: float
    sigma: float
    noisy: Tensor
    clean: Tensor
    noise: Tensor
    conditional: Tensor
    unconditional: Tensor | None
    latents: Tensor


def sample(model: Diffuser, recipe: Recipe, start: Tensor | None = None) -> Iterator[Step]:
    """Yield every step of drawing the recipe's pictures; the last one's `latents` are the result.

    Args:
        start: Latents of pictures to start from (image to image), (1 or pictures, channels, height, width).

    Raises:
        UserError: What `checked` refuses, and latents that are no longer numbers.
    """
    recipe = checked(model, recipe)
    scheduler = make_sampler(model, recipe.sampler, recipe.steps)
    generators = [torch.Generator().manual_seed(recipe.seed + place) for place in range(recipe.n_images)]
    timesteps = _timesteps(scheduler, recipe, start is not None)
    latents = _first_latents(model, scheduler, recipe, generators, timesteps[0], start)
    guide = _Guide(model, recipe)
    with torch.inference_mode():
        for number, timestep in enumerate(timesteps, 1):
            step = guide.step(scheduler, latents, timestep, generators)
            latents = step["latents"]
            if not torch.isfinite(latents).all():
                raise UserError(
                    f"After step {number} of {len(timesteps)} the latents are no longer numbers: the weights are damaged, or the guidance scale {recipe.guidance_scale:g} is too high for them."
                )
            yield Step(number, len(timesteps), **step)


class _Guide:
    """Asks the denoiser, with and without the caption in one batch, and takes the sampler's step."""

    def __init__(self, model: Diffuser, recipe: Recipe):
        self.model, self.recipe = model, recipe
        count = recipe.n_images
        self.with_caption = model.encode_texts([recipe.prompt]).expand(count, -1, -1)
        self.both = torch.cat([model.encode_texts([recipe.negative_prompt]).expand(count, -1, -1), self.with_caption])
        self.projection = guidance.AdaptiveProjection()
        self.scale_embedding = _scale_embedding(model, recipe)

    def step(self, scheduler: Any, latents: Tensor, timestep: Tensor, generators: list) -> dict[str, Any]:
        """The fields of a `Step` but for its number."""
        scaled = getattr(scheduler, "scale_model_input", None)
        noisy = scaled(latents, timestep) if scaled else latents
        conditional, unconditional = self._ask(noisy, timestep)
        guided = self._combine(conditional, unconditional, noisy, timestep)
        noise = self.model.noise
        clean, eps = noise.split(guided, noisy, timestep)
        if self.recipe.guidance == "cfg++" and unconditional is not None:
            blind = noise.split(unconditional, noisy, timestep)[1]
            following = self._cfg_plus_plus(clean, blind, scheduler, timestep)
        else:
            following = _scheduler_step(scheduler, guided, timestep, latents, generators)
        alpha, sigma = (float(each) for each in noise.levels(timestep))
        return {"timestep": float(timestep), "alpha": alpha, "sigma": sigma, "noisy": noisy, "clean": clean, "noise": eps, "conditional": conditional, "unconditional": unconditional, "latents": following}  # fmt: skip

    def _ask(self, noisy: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor | None]:
        """Conditional and unconditional prediction; the second only where the scale needs it: at 1 they would cancel out."""
        scale, place = self.recipe.guidance_scale, float(timestep) / self.model.noise.timesteps
        inside = self.recipe.interval_low <= place <= self.recipe.interval_high
        if self.model.takes_scale or not inside or (scale == 1 and self.recipe.guidance != "cfg++"):
            return self.model.predict(noisy, timestep, self.with_caption, self.scale_embedding), None
        blind, told = self.model.predict(torch.cat([noisy, noisy]), timestep, self.both).chunk(2)
        return told, blind

    def _combine(self, conditional: Tensor, unconditional: Tensor | None, noisy: Tensor, timestep: Tensor) -> Tensor:
        if unconditional is None:
            return conditional
        scale, noise = self.recipe.guidance_scale, self.model.noise
        if self.recipe.guidance == "apg":
            told, blind = (noise.split(each, noisy, timestep)[0] for each in (conditional, unconditional))
            return noise.join(self.projection(told, blind, scale), noisy, timestep)
        guided = guidance.classifier_free(conditional, unconditional, scale)
        return guidance.rescaled(guided, conditional, self.recipe.rescale)

    def _cfg_plus_plus(self, clean: Tensor, blind: Tensor, scheduler: Any, timestep: Tensor) -> Tensor:
        before = int(timestep) - scheduler.config.num_train_timesteps // scheduler.num_inference_steps
        alpha_bar = scheduler.alphas_cumprod[before] if before >= 0 else scheduler.final_alpha_cumprod
        return guidance.cfg_plus_plus_step(clean, blind, alpha_bar.sqrt(), (1 - alpha_bar).sqrt())


def _scheduler_step(scheduler: Any, prediction: Tensor, timestep: Tensor, latents: Tensor, generators: list) -> Tensor:
    """The sampler's own step; those that draw noise draw each picture's from its own generator."""
    import inspect

    drawn = {"generator": generators} if "generator" in inspect.signature(scheduler.step).parameters else {}
    return scheduler.step(prediction, timestep, latents, **drawn, return_dict=False)[0]


def _timesteps(scheduler: Any, recipe: Recipe, from_picture: bool) -> Tensor:
    """All timesteps, or the last of them where a picture is started from (Meng et al., 2022, SDEdit)."""
    if not from_picture:
        return scheduler.timesteps
    taken = min(recipe.steps, max(1, int(recipe.steps * recipe.strength)))
    first = (recipe.steps - taken) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    return scheduler.timesteps[first:]


def _first_latents(
    model: Diffuser, scheduler: Any, recipe: Recipe, generators: list, timestep: Tensor, start: Tensor | None
) -> Tensor:
    """Noise alone, or a picture with the noise of the first timestep; drawn on the CPU, the same on every machine.

    A picture gets the second noise of the seed: the first may be what it was drawn from, and the two would add up.
    """
    shape = (model.latent_channels, recipe.height // model.factor, recipe.width // model.factor)
    draws = [torch.randn((2 if start is not None else 1, *shape), generator=each)[-1:] for each in generators]
    noise = torch.cat(draws).to(model.device)
    if start is None:
        return noise * getattr(scheduler, "init_noise_sigma", 1.0)
    start = start.expand(recipe.n_images, -1, -1, -1)
    at = timestep.reshape(1).expand(recipe.n_images)
    return scheduler.add_noise(start, noise, at) if hasattr(scheduler, "add_noise") else scheduler.scale_noise(start, at, noise)  # fmt: skip


def _scale_embedding(model: Diffuser, recipe: Recipe) -> Tensor | None:
    """The guidance scale as an input, for consistency models that take it (Luo et al., 2023, §4.3)."""
    if not model.takes_scale:
        return None
    scales = torch.full((recipe.n_images,), recipe.guidance_scale - 1)
    width = model.unet.config["time_cond_proj_dim"]
    return model.pipeline.get_guidance_scale_embedding(scales, embedding_dim=width).to(model.device)
