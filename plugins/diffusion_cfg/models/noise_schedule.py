"""Noise schedules: the forward process x_t = alpha x_0 + sigma noise, and conversion between prediction types."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

NUM_TIMESTEPS = 1000
# diffusers' DDPM and DDIM otherwise clip the predicted x_0 to [-1, 1], which is right for pixels and wrong for latents
NO_CLIPPING = {"clip_sample": False}
MIN_DIVISOR = 1e-6


@dataclass(frozen=True)
class NoiseSchedule:
    """A forward process, x_t = alpha x_0 + sigma noise, and the quantity that the denoiser predicts.

    Args:
        prediction_type: diffusers' name: epsilon (Ho et al., 2020), v_prediction (Salimans & Ho, 2022, App. D),
            flow_prediction (noise - x_0; Lipman et al., 2023; Liu et al., 2023) or sample (x_0).
        alpha_bars: Signal's share of the variance at each timestep, (timesteps,); None for the straight line of flow
            matching, sigma = t / 1000 and alpha = 1 - sigma.
    """

    prediction_type: str
    alpha_bars: Tensor | None

    @classmethod
    def from_config(cls, config: Any) -> NoiseSchedule:
        """The noise schedule of a diffusers scheduler's config."""
        if is_flow_matching(config):
            return cls("flow_prediction", None)
        scheduler: Any = DDPMScheduler.from_config(config)
        return cls(config.get("prediction_type", "epsilon"), scheduler.alphas_cumprod.double())

    @property
    def num_timesteps(self) -> int:
        return NUM_TIMESTEPS if self.alpha_bars is None else len(self.alpha_bars)

    @cached_property
    def alpha_sigma_curves(self) -> tuple[Tensor, Tensor]:
        """alpha and sigma at every integer timestep, (timesteps,) each, float64."""
        if self.alpha_bars is None:
            sigma = torch.arange(1, NUM_TIMESTEPS + 1, dtype=torch.float64) / NUM_TIMESTEPS
            return 1 - sigma, sigma
        return self.alpha_bars.sqrt(), (1 - self.alpha_bars).sqrt()

    def alpha_sigma(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at integer or fractional timesteps, float32, in the shape of `timesteps`."""
        timestep = timesteps.double().cpu()
        if self.alpha_bars is None:
            sigma = timestep / NUM_TIMESTEPS
            return (1 - sigma).float().to(timesteps.device), sigma.float().to(timesteps.device)
        timestep = timestep.clamp(0, self.num_timesteps - 1)
        below, above = timestep.floor().long(), timestep.ceil().long()
        alpha_bar = torch.lerp(self.alpha_bars[below], self.alpha_bars[above], timestep - below)
        alpha, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        return alpha.float().to(timesteps.device), sigma.float().to(timesteps.device)

    def add_noise(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x_t, with one timestep per image, (batch,)."""
        alpha, sigma = (per_image(level, clean) for level in self.alpha_sigma(timesteps))
        return alpha * clean + sigma * noise

    def target(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The training target of the denoiser, by prediction type."""
        if self.prediction_type == "epsilon":
            return noise
        if self.prediction_type == "flow_prediction":
            return noise - clean
        if self.prediction_type == "sample":
            return clean
        alpha, sigma = (per_image(level, clean) for level in self.alpha_sigma(timesteps))
        return alpha * noise - sigma * clean

    def to_clean_and_noise(self, prediction: Tensor, noisy: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor]:
        """Convert a prediction at x_t to the predicted x_0 and the predicted noise."""
        alpha, sigma = (per_image(level, noisy) for level in self.alpha_sigma(timestep))
        if self.prediction_type == "v_prediction":
            return alpha * noisy - sigma * prediction, sigma * noisy + alpha * prediction
        if self.prediction_type == "flow_prediction":
            return noisy - sigma * prediction, noisy + alpha * prediction
        if self.prediction_type == "sample":
            return prediction, (noisy - alpha * prediction) / sigma.clamp(min=MIN_DIVISOR)
        return (noisy - sigma * prediction) / alpha.clamp(min=MIN_DIVISOR), prediction

    def from_clean(self, clean: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """Convert a predicted x_0 at x_t to the model's prediction type: the inverse of `to_clean_and_noise`."""
        alpha, sigma = (per_image(level, noisy) for level in self.alpha_sigma(timestep))
        if self.prediction_type == "sample":
            return clean
        if self.prediction_type == "flow_prediction":
            return (noisy - clean) / sigma.clamp(min=MIN_DIVISOR)
        if self.prediction_type == "v_prediction":
            return (alpha * noisy - clean) / sigma.clamp(min=MIN_DIVISOR)
        return (noisy - alpha * clean) / sigma.clamp(min=MIN_DIVISOR)


def is_flow_matching(config: Any) -> bool:
    """Whether a diffusers scheduler's config is of flow matching."""
    return bool(
        config.get("prediction_type") == "flow_prediction"
        or config.get("use_flow_sigmas")
        or str(config.get("_class_name", "")).startswith("FlowMatch")
    )


def per_image(values: Tensor, like: Tensor) -> Tensor:
    """Reshape one value per image, (batch,) or (), so that it broadcasts over (batch, channels, height, width)."""
    return values.to(like.dtype).reshape(-1, *[1] * (like.ndim - 1))


def make_scheduler(prediction_type: str, noise_schedule: str, zero_terminal_snr: bool) -> DPMSolverMultistepScheduler:
    """The scheduler that a new pipeline is saved with: DPM-Solver++ (Lu et al., 2022), second order.

    Timesteps are spaced "trailing", so that sampling starts at the last timestep (Lin et al., 2024, §3.3).

    Args:
        prediction_type: epsilon, v_prediction or flow_prediction.
        noise_schedule: linear, scaled_linear or cosine; ignored for flow_prediction.
    """
    if prediction_type == "flow_prediction":
        return DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0)
    beta_schedule = {"cosine": "squaredcos_cap_v2"}.get(noise_schedule, noise_schedule)
    low, high = (0.0001, 0.02) if noise_schedule == "linear" else (0.00085, 0.012)
    return DPMSolverMultistepScheduler(
        beta_start=low,
        beta_end=high,
        beta_schedule=beta_schedule,
        prediction_type=prediction_type,  # type: ignore[arg-type] - one of diffusers' names
        timestep_spacing="trailing",
        rescale_betas_zero_snr=zero_terminal_snr,
        steps_offset=1,
    )
