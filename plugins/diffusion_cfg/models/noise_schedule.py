"""How much noise there is at a timestep, and what a prediction of noise, of v or of the flow says of the clean picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TIMESTEPS = 1000
PREDICTIONS = {"noise": "epsilon", "v": "v_prediction", "flow": "flow_prediction"}  # our name -> diffusers'
# diffusers' DDPM and DDIM else cut predicted latents off at 1, of which they are not pixels
UNCUT = {"clip_sample": False}
SHORTEST = 1e-6


@dataclass(frozen=True)
class Noise:
    """A forward process, x_t = alpha x_0 + sigma noise, and what the denoiser predicts of it.

    Args:
        prediction: diffusers' name: epsilon (Ho et al., 2020), v_prediction (Salimans & Ho, 2022, App. D),
            flow_prediction (noise - x_0; Lipman et al., 2023; Liu et al., 2023) or sample (x_0).
        alpha_bars: Share of the variance that is picture, (timesteps,); None for the straight line of flow matching.
    """

    prediction: str
    alpha_bars: torch.Tensor | None

    @classmethod
    def of(cls, config: Any) -> Noise:
        """Of a scheduler's config."""
        from diffusers import DDPMScheduler

        prediction = config.get("prediction_type", "epsilon")
        if is_flow(config):
            return cls("flow_prediction", None)
        scheduler: Any = DDPMScheduler.from_config(config)
        return cls(prediction, scheduler.alphas_cumprod.double())

    @property
    def timesteps(self) -> int:
        return TIMESTEPS if self.alpha_bars is None else len(self.alpha_bars)

    @cached_property
    def curve(self) -> tuple[Tensor, Tensor]:
        """alpha and sigma at every whole timestep, (timesteps,) each, double."""
        import torch

        if self.alpha_bars is None:
            sigma = torch.arange(1, TIMESTEPS + 1, dtype=torch.float64) / TIMESTEPS
            return 1 - sigma, sigma
        return self.alpha_bars.sqrt(), (1 - self.alpha_bars).sqrt()

    def levels(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at timesteps, whole or between two, in float32 and in the shape of `timesteps`."""
        import torch

        at = timesteps.double().cpu()
        if self.alpha_bars is None:
            sigma = at / TIMESTEPS
            return (1 - sigma).float().to(timesteps.device), sigma.float().to(timesteps.device)
        at = at.clamp(0, self.timesteps - 1)
        below, above = at.floor().long(), at.ceil().long()
        alpha_bar = torch.lerp(self.alpha_bars[below], self.alpha_bars[above], at - below)
        alpha, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        return alpha.float().to(timesteps.device), sigma.float().to(timesteps.device)

    def add(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x_t, for a timestep each, (batch,)."""
        alpha, sigma = (spread(each, clean) for each in self.levels(timesteps))
        return alpha * clean + sigma * noise

    def target(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the denoiser should say."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "flow_prediction":
            return noise - clean
        if self.prediction == "sample":
            return clean
        alpha, sigma = (spread(each, clean) for each in self.levels(timesteps))
        return alpha * noise - sigma * clean

    def split(self, prediction: Tensor, noisy: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor]:
        """The clean picture and the noise that a prediction at x_t stands for."""
        alpha, sigma = (spread(each, noisy) for each in self.levels(timestep))
        if self.prediction == "v_prediction":
            return alpha * noisy - sigma * prediction, sigma * noisy + alpha * prediction
        if self.prediction == "flow_prediction":
            return noisy - sigma * prediction, noisy + alpha * prediction
        if self.prediction == "sample":
            return prediction, (noisy - alpha * prediction) / sigma.clamp(min=SHORTEST)
        return (noisy - sigma * prediction) / alpha.clamp(min=SHORTEST), prediction

    def join(self, clean: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """The prediction at x_t that stands for this clean picture: `split` the other way round."""
        alpha, sigma = (spread(each, noisy) for each in self.levels(timestep))
        if self.prediction == "sample":
            return clean
        if self.prediction == "flow_prediction":
            return (noisy - clean) / sigma.clamp(min=SHORTEST)
        if self.prediction == "v_prediction":
            return (alpha * noisy - clean) / sigma.clamp(min=SHORTEST)
        return (noisy - alpha * clean) / sigma.clamp(min=SHORTEST)


def is_flow(config: Any) -> bool:
    """Whether a scheduler's config is of flow matching."""
    return bool(
        config.get("prediction_type") == "flow_prediction"
        or config.get("use_flow_sigmas")
        or str(config.get("_class_name", "")).startswith("FlowMatch")
    )


def spread(values: Tensor, like: Tensor) -> Tensor:
    """A number a picture, (batch,) or (), in the shape that multiplies (batch, channels, height, width)."""
    return values.to(like.dtype).reshape(-1, *[1] * (like.ndim - 1))


def make_scheduler(prediction: str, schedule: str, zero_terminal_snr: bool) -> Any:
    """The sampler that a new pipeline is saved with: DPM-Solver++ (Lu et al., 2022), second order.

    Steps are spaced "trailing", so that sampling starts at the last timestep (Lin et al., 2024, §3.3).

    Args:
        prediction: noise, v or flow.
        schedule: linear, scaled_linear or cosine; of no use to flow.
    """
    from diffusers import DPMSolverMultistepScheduler

    if prediction == "flow":
        return DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0)
    kind: Any = PREDICTIONS[prediction]
    beta_schedule = {"cosine": "squaredcos_cap_v2"}.get(schedule, schedule)
    low, high = (0.0001, 0.02) if schedule == "linear" else (0.00085, 0.012)
    return DPMSolverMultistepScheduler(
        beta_start=low,
        beta_end=high,
        beta_schedule=beta_schedule,
        prediction_type=kind,
        timestep_spacing="trailing",
        rescale_betas_zero_snr=zero_terminal_snr,
        steps_offset=1,
    )
