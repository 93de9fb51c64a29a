"""The forward process on a picture, and what the denoiser sees in the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from plugins.diffusion_cfg.sampling.generate import as_model_has_it
from plugins.diffusion_cfg.sampling.request import Recipe
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser

ANY = Recipe("", guidance_scale=1)  # the size alone is used


@dataclass(frozen=True)
class Noised:
    """A picture at a timestep; pictures are (channels, height, width) in [-1, 1].

    Args:
        clean, latents: x_0 and x_t, (1, channels, height, width).
        original, noisy: Those decoded.
        on_pixels: The picture with as much noise added to the pixels themselves.
        predicted: x_0 as one call of the denoiser sees it, decoded.
        error: Mean squared error of the predicted noise, 0 where the model knows it all.
    """

    timestep: float
    alpha: float
    sigma: float
    clean: Tensor
    latents: Tensor
    original: Tensor
    noisy: Tensor
    on_pixels: Tensor
    predicted: Tensor
    error: float

    @property
    def snr(self) -> float:
        """Signal-to-noise ratio, alpha squared over sigma squared."""
        return (self.alpha / max(self.sigma, 1e-9)) ** 2


def noised(model: Diffuser, image: Path, timestep: float, prompt: str = "", seed: int = 0) -> Noised:
    """Add noise to a picture and let the denoiser look once.

    Args:
        prompt: What the denoiser is told; empty: nothing.

    Raises:
        UserError: For a timestep out of range, or a file that is no picture.
    """
    if not 0 <= timestep <= model.noise.timesteps - 1:
        raise UserError(f"timestep: {timestep:g} was given; 0 to {model.noise.timesteps - 1} can be.")
    clean = model.encode_pictures([as_model_has_it(model, ANY, image)])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed)).to(model.device)
    at = torch.tensor(float(timestep) if model.noise.alpha_bars is None else int(timestep), device=model.device)
    with torch.inference_mode():
        noisy = model.noise.add(clean, noise, at)
        predicted, told = model.noise.split(model.predict(noisy, at, model.encode_texts([prompt])), noisy, at)
        original, decoded, guess = model.decode(torch.cat([clean, noisy, predicted]))
    alpha, sigma = (float(each) for each in model.noise.levels(at))
    grain = torch.randn(original.shape, generator=torch.Generator().manual_seed(seed)).to(model.device)
    return Noised(
        float(at), alpha, sigma, clean, noisy, original, decoded, alpha * original + sigma * grain, guess,
        float((told - noise).square().mean()),
    )  # fmt: skip


def schedule(model: Diffuser) -> dict[str, Any]:
    """alpha_bar, SNR in decibel and sigma over all timesteps, as lists."""
    alpha, sigma = model.noise.curve
    snr = 10 * torch.log10((alpha / sigma.clamp(min=1e-6)).square().clamp(min=1e-8))
    return {"alpha_bar": alpha.square().tolist(), "sigma": sigma.tolist(), "snr_db": snr.tolist()}
