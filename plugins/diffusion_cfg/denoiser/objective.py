"""What a step of a denoiser learns: which timestep, how much it counts, and the loss by timestep."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from plugins.diffusion_cfg.models.noise_schedule import Noise

LEAST_WEIGHT = 0.05  # of the last step of a schedule with zero terminal SNR, which would else never be learnt
BINS = 10
QUARTERS = 4


def min_snr_weights(noise: Noise, timesteps: Tensor, gamma: float) -> Tensor:
    """Weights that make the loss that of x_0 times min(SNR, gamma) (Hang et al., 2023, eq. 4), (batch,).

    An error of the noise is one of x_0 times SNR, of v times SNR + 1 (their §3.4); of the flow, noise - x_0 = (x_t - x_0) / sigma, it is
    one of x_0 over sigma squared. We keep at least 0.05: with zero terminal SNR the paper's weight of the last timestep is 0.
    """
    if not gamma:
        return torch.ones_like(timesteps, dtype=torch.float32)
    alpha, sigma = noise.levels(timesteps)
    snr = alpha.square() / sigma.square().clamp(min=1e-12)
    capped = snr.clamp(max=gamma)
    if noise.prediction == "epsilon":
        weights = capped / snr.clamp(min=1e-12)
    elif noise.prediction == "v_prediction":
        weights = capped / (snr + 1)
    elif noise.prediction == "flow_prediction":
        weights = capped * sigma.square()
    else:
        weights = capped
    return weights.clamp(min=LEAST_WEIGHT)


def draw_timesteps(noise: Noise, count: int) -> Tensor:
    """Timesteps to learn at, (count,): one from each of as many equal parts, so that every batch sees all noise (Kingma et al., 2021, App. I.1)."""
    places = (torch.arange(count) + torch.rand(count)) / count
    return at_places(noise, places[torch.randperm(count)])


def at_places(noise: Noise, places: Tensor) -> Tensor:
    """Timesteps at places in [0, 1): whole ones, or with flow matching anything up to 1000."""
    if noise.alpha_bars is None:
        return (places * noise.timesteps).clamp(min=1e-3).float()
    return (places * noise.timesteps).long().clamp(max=noise.timesteps - 1)


def spread_places(count: int) -> np.ndarray:
    """Places in [0, 1) for held-out pictures, spread evenly and the same each time: multiples of the golden ratio."""
    return (np.arange(count) * 0.6180339887498949 + 0.5) % 1.0


def loss_by_timestep(places: np.ndarray, losses: np.ndarray, timesteps: int, bins: int = BINS) -> dict[str, list]:
    """A table: mean loss in each tenth of the timesteps."""
    which = np.minimum((places * bins).astype(int), bins - 1)
    rows = [
        [f"{place * timesteps // bins} to {(place + 1) * timesteps // bins - 1}", round(float(losses[which == place].mean()), 5), int((which == place).sum())]
        for place in range(bins)
        if (which == place).any()
    ]  # fmt: skip
    return {"columns": ["timesteps", "mean squared error", "pictures"], "rows": rows}


def quarter_losses(places: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """Mean loss in each quarter of the timesteps, from little noise to much, for the curves."""
    which = np.minimum((places * QUARTERS).astype(int), QUARTERS - 1)
    return {
        f"loss_noise_quarter_{place + 1}": float(losses[which == place].mean())
        for place in range(QUARTERS)
        if (which == place).any()
    }
