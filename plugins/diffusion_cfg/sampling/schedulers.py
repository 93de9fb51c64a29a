"""diffusers' schedulers for a loaded pipeline, configured with the noise schedule that it was trained with."""

from __future__ import annotations

from typing import Any

import diffusers
from diffusers import LCMScheduler

from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.models.noise_schedule import NO_CLIPPING
from plugins.diffusion_cfg.sampling.samplers import DEFAULT_SAMPLER, SAMPLERS
from training.errors import UserError


def usable_samplers(model: LoadedPipeline) -> list[str]:
    """The samplers that this model can be sampled with, the best first."""
    if is_consistency_model(model):
        return ["lcm"]
    names = dict.fromkeys((DEFAULT_SAMPLER, *SAMPLERS))
    return [name for name in names if name != "lcm" and (SAMPLERS[name].flow_scheduler or not _is_flow(model))]


def is_consistency_model(model: LoadedPipeline) -> bool:
    """Whether it was distilled to predict x_0 in one call (Luo et al., 2023), by its scheduler or inputs."""
    return model.takes_guidance_scale or isinstance(model.pipeline.scheduler, LCMScheduler)


def make_scheduler(model: LoadedPipeline, sampler: str, steps: int) -> Any:
    """A new diffusers scheduler with its timesteps set.

    Raises:
        UserError: If the sampler is unknown or does not suit the model, or the number of steps is out of range.
    """
    check_sampler(model, sampler)
    if not 1 <= steps <= model.noise_schedule.num_timesteps:
        raise UserError(
            f"steps: {steps} were asked for; 1 to {model.noise_schedule.num_timesteps} are possible, 20 to 50 are "
            f"usual."
        )
    entry = SAMPLERS[sampler]
    scheduler_class = getattr(diffusers, entry.flow_scheduler if _is_flow(model) else entry.scheduler)
    config = {**NO_CLIPPING, **model.pipeline.scheduler.config}
    shift = {}
    if scheduler_class.__name__.startswith("FlowMatch"):
        shift = {"shift": config.get("flow_shift") or config.get("shift") or 1.0}
    scheduler = scheduler_class.from_config(config, **shift)
    scheduler.set_timesteps(steps, device=model.device)
    return scheduler


def check_sampler(model: LoadedPipeline, sampler: str) -> None:
    """Refuse a sampler that this model cannot be sampled with.

    Raises:
        UserError: With the reason and the samplers that can be used.
    """
    usable = usable_samplers(model)
    if sampler in usable:
        return
    choices = f"this model can use: {', '.join(usable)}."
    if sampler not in SAMPLERS:
        raise UserError(f"There is no sampler {sampler[:40]!r}; {choices}")
    reason = (
        "needs a model that was distilled for it" if sampler == "lcm" else "does not fit how this model was trained"
    )
    raise UserError(f"The sampler {sampler} {reason}; {choices}")


def _is_flow(model: LoadedPipeline) -> bool:
    return model.noise_schedule.alpha_bars is None
