"""The denoising objective: timestep sampling, min-SNR loss weights, and the evaluation loss by timestep."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from plugins.diffusion_cfg.models.noise_schedule import NoiseSchedule

MIN_LOSS_WEIGHT = (
    0.05  # for the last timestep of a schedule with zero terminal SNR, which would otherwise get no gradient
)
BINS = 10
QUARTERS = 4
GOLDEN_RATIO = 0.6180339887498949


def min_snr_weights(noise_schedule: NoiseSchedule, timesteps: Tensor, gamma: float) -> Tensor:
    """Weights that make the loss that of x_0 times min(SNR, gamma) (Hang et al., 2023, eq. 4), (batch,).

    The squared error of epsilon is that of x_0 times SNR, of v times SNR + 1 (their §3.4); of the flow, noise - x_0 =
    (x_t - x_0) / sigma, it is that of x_0 over sigma squared. Weights are at least 0.05: with zero terminal SNR the
    paper's weight of the last timestep is 0.
    """
    if not gamma:
        return torch.ones_like(timesteps, dtype=torch.float32)
    alpha, sigma = noise_schedule.alpha_sigma(timesteps)
    snr = alpha.square() / sigma.square().clamp(min=1e-12)
    capped = snr.clamp(max=gamma)
    if noise_schedule.prediction_type == "epsilon":
        weights = capped / snr.clamp(min=1e-12)
    elif noise_schedule.prediction_type == "v_prediction":
        weights = capped / (snr + 1)
    elif noise_schedule.prediction_type == "flow_prediction":
        weights = capped * sigma.square()
    else:
        weights = capped
    return weights.clamp(min=MIN_LOSS_WEIGHT)


def sample_timesteps(noise_schedule: NoiseSchedule, count: int) -> Tensor:
    """Stratified random timesteps, (count,), one per equal interval (Kingma et al., 2021, App. I.1)."""
    positions = (torch.arange(count) + torch.rand(count)) / count
    return timesteps_at(noise_schedule, positions[torch.randperm(count)])


def timesteps_at(noise_schedule: NoiseSchedule, positions: Tensor) -> Tensor:
    """Timesteps at positions in [0, 1): integers, or for flow matching any number up to 1000."""
    if noise_schedule.alpha_bars is None:
        return (positions * noise_schedule.num_timesteps).clamp(min=1e-3).float()
    return (positions * noise_schedule.num_timesteps).long().clamp(max=noise_schedule.num_timesteps - 1)


def evaluation_positions(count: int) -> np.ndarray:
    """Positions in [0, 1) for held-out images, evenly spread and always the same: multiples of the golden ratio."""
    return (np.arange(count) * GOLDEN_RATIO + 0.5) % 1.0


def loss_by_timestep(positions: np.ndarray, losses: np.ndarray, timesteps: int, bins: int = BINS) -> dict[str, list]:
    """A table of the mean loss in each tenth of the timesteps."""
    bin_of = np.minimum((positions * bins).astype(int), bins - 1)
    rows = []
    for index in range(bins):
        inside = bin_of == index
        if inside.any():
            label = f"{index * timesteps // bins} to {(index + 1) * timesteps // bins - 1}"
            rows.append([label, round(float(losses[inside].mean()), 5), int(inside.sum())])
    return {"columns": ["timesteps", "mean squared error", "images"], "rows": rows}


def quarter_losses(positions: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """Mean loss in each quarter of the timesteps, from little noise to much, as metrics for the curves."""
    quarter_of = np.minimum((positions * QUARTERS).astype(int), QUARTERS - 1)
    return {
        f"loss_noise_quarter_{quarter + 1}": float(losses[quarter_of == quarter].mean())
        for quarter in range(QUARTERS)
        if (quarter_of == quarter).any()
    }
