"""The samplers, by name: diffusers' schedulers, told the noise schedule that the model was trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from plugins.diffusion_cfg.models.noise_schedule import UNCUT
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser


class Sampler(NamedTuple):
    """A sampler.

    Args:
        title: With its source.
        scheduler: diffusers' class; empty where it cannot follow such a process.
        flow: The class for models of flow matching.
    """

    title: str
    scheduler: str
    flow: str


SAMPLERS = {
    "ddpm": Sampler("DDPM (Ho et al., 2020)", "DDPMScheduler", ""),
    "ddim": Sampler("DDIM (Song et al., 2021)", "DDIMScheduler", ""),
    "dpm++": Sampler("DPM-Solver++ (Lu et al., 2022)", "DPMSolverMultistepScheduler", "DPMSolverMultistepScheduler"),
    "unipc": Sampler("UniPC (Zhao et al., 2023)", "UniPCMultistepScheduler", "UniPCMultistepScheduler"),
    "euler": Sampler("Euler (Karras et al., 2022)", "EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"),
    "lcm": Sampler("LCM (Luo et al., 2023), 1 to 8 steps", "LCMScheduler", ""),
}  # fmt: skip
DEFAULT = "dpm++"


def usable(model: Diffuser) -> list[str]:
    """The samplers that this model can be sampled with, the best first."""
    if is_consistency_model(model):
        return ["lcm"]
    flows = model.noise.alpha_bars is None
    names = dict.fromkeys((DEFAULT, *SAMPLERS))
    return [name for name in names if name != "lcm" and (SAMPLERS[name].flow or not flows)]


def is_consistency_model(model: Diffuser) -> bool:
    """Whether it was distilled to say the clean picture in one call (Luo et al., 2023): its own scheduler says so, or its scale input."""
    return model.takes_scale or type(model.pipeline.scheduler).__name__ == "LCMScheduler"


def make_sampler(model: Diffuser, name: str, steps: int) -> Any:
    """A scheduler of its own for one sampling, its timesteps set.

    Raises:
        UserError: For an unknown name, a sampler that the model cannot use, or a number of steps outside its range.
    """
    import diffusers

    check_sampler(model, name)
    if not 1 <= steps <= model.noise.timesteps:
        raise UserError(
            f"steps: {steps} were asked for; 1 to {model.noise.timesteps} can be taken, and 20 to 50 are usual."
        )
    flows = model.noise.alpha_bars is None
    kind = getattr(diffusers, SAMPLERS[name].flow if flows else SAMPLERS[name].scheduler)
    config = {**UNCUT, **model.pipeline.scheduler.config}
    own = (
        {"shift": config.get("flow_shift") or config.get("shift") or 1.0}
        if kind.__name__.startswith("FlowMatch")
        else {}
    )
    scheduler = kind.from_config(config, **own)
    scheduler.set_timesteps(steps, device=model.device)
    return scheduler


def check_sampler(model: Diffuser, name: str) -> None:
    """Refuse a sampler that this model cannot use.

    Raises:
        UserError: Says why, and which it can.
    """
    can = usable(model)
    if name in can:
        return
    if name not in SAMPLERS:
        raise UserError(f"There is no sampler {name[:40]!r}; this model can use: {', '.join(can)}.")
    why = "needs a model that was distilled for it" if name == "lcm" else "cannot follow how this model was trained"
    raise UserError(f"The sampler {name} {why}; this model can use: {', '.join(can)}.")
