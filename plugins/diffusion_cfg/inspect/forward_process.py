"""The forward process on one image: noise added at a timestep, and what one call of the denoiser predicts from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import read_image
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.errors import UserError

MODEL_SIZE = GenerationRequest("", guidance_scale=1)  # a request for images of the model's own size


@dataclass(frozen=True)
class NoisedImage:
    """An image at a timestep; images are (channels, height, width) in [-1, 1].

    Args:
        clean, latents: x_0 and x_t, (1, channels, height, width).
        original, noisy: Those decoded.
        noisy_pixels: The image with the same amount of noise added to its pixels.
        predicted: x_0 as predicted by one call of the denoiser, decoded.
        error: Mean squared error of the predicted noise; 1 for a prediction of zero.
    """

    timestep: float
    alpha: float
    sigma: float
    clean: Tensor
    latents: Tensor
    original: Tensor
    noisy: Tensor
    noisy_pixels: Tensor
    predicted: Tensor
    error: float

    @property
    def snr(self) -> float:
        """Signal-to-noise ratio, alpha squared over sigma squared."""
        return (self.alpha / max(self.sigma, 1e-9)) ** 2


@dataclass(frozen=True)
class ScheduleCurves:
    """alpha_bar, sigma and the SNR in dB over all timesteps."""

    alpha_bar: list[float]
    sigma: list[float]
    snr_db: list[float]


def add_noise_to_image(
    model: LoadedPipeline, file: Path, timestep: float, prompt: str = "", seed: int = 0
) -> NoisedImage:
    """Add noise to an image and call the denoiser once.

    Args:
        prompt: The caption that the denoiser is given; empty for the unconditional prediction.

    Raises:
        UserError: If the timestep is out of range, or the file is not an image.
    """
    schedule, last = model.noise_schedule, model.noise_schedule.num_timesteps - 1
    if not 0 <= timestep <= last:
        raise UserError(f"timestep: {timestep:g} was given; 0 to {last} is allowed.")
    clean = model.encode_images([read_image(model, MODEL_SIZE, file)])
    noise = _seeded_noise(clean, seed)
    t = torch.tensor(float(timestep) if schedule.alpha_bars is None else int(timestep), device=model.device)
    with torch.inference_mode():
        noisy = schedule.add_noise(clean, noise, t)
        prediction = model.predict(noisy, t, model.encode_texts([prompt]))
        predicted_clean, predicted_noise = schedule.to_clean_and_noise(prediction, noisy, t)
        original, decoded, predicted = model.decode(torch.cat([clean, noisy, predicted_clean]))
    alpha, sigma = (float(level) for level in schedule.alpha_sigma(t))
    return NoisedImage(
        timestep=float(t),
        alpha=alpha,
        sigma=sigma,
        clean=clean,
        latents=noisy,
        original=original,
        noisy=decoded,
        noisy_pixels=alpha * original + sigma * _seeded_noise(original, seed),
        predicted=predicted,
        error=float((predicted_noise - noise).square().mean()),
    )


def _seeded_noise(like: Tensor, seed: int) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)).to(like.device)


def schedule_curves(model: LoadedPipeline) -> ScheduleCurves:
    """The model's noise schedule over all timesteps."""
    alpha, sigma = model.noise_schedule.alpha_sigma_curves
    snr = (alpha / sigma.clamp(min=1e-6)).square().clamp(min=1e-8)
    return ScheduleCurves(alpha.square().tolist(), sigma.tolist(), (10 * torch.log10(snr)).tolist())
