"""Samplers by name, with their papers and diffusers' scheduler classes. Cheap to import."""

from __future__ import annotations

from typing import NamedTuple


class Sampler(NamedTuple):
    """A sampler.

    Args:
        title: Name and source.
        scheduler: diffusers' class.
        flow_scheduler: Its class for flow matching; empty if it has none.
    """

    title: str
    scheduler: str
    flow_scheduler: str


SAMPLERS = {
    "ddpm": Sampler("DDPM (Ho et al., 2020)", "DDPMScheduler", ""),
    "ddim": Sampler("DDIM (Song et al., 2021)", "DDIMScheduler", ""),
    "dpm++": Sampler("DPM-Solver++ (Lu et al., 2022)", "DPMSolverMultistepScheduler", "DPMSolverMultistepScheduler"),
    "unipc": Sampler("UniPC (Zhao et al., 2023)", "UniPCMultistepScheduler", "UniPCMultistepScheduler"),
    "euler": Sampler("Euler (Karras et al., 2022)", "EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"),
    "lcm": Sampler("LCM (Luo et al., 2023), 1 to 8 steps", "LCMScheduler", ""),
}
DEFAULT_SAMPLER = "dpm++"
USUAL_SAMPLERS = tuple(name for name in SAMPLERS if name != "lcm")  # lcm is for models that were distilled for it
