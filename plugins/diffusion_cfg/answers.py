"""The endpoints' work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.diffusion_cfg.images import data_url
from plugins.diffusion_cfg.sampling.generate import draw, save_pictures, start_from
from plugins.diffusion_cfg.sampling.request import Recipe
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser

MOST_SHOWN_STEPS, MOST_SCALES, MOST_TIMESTEPS = 200, 16, 64


def need(model: Any) -> Diffuser:
    """The model, if it can draw.

    Raises:
        UserError: If it is an autoencoder alone.
    """
    if not hasattr(model, "unet"):
        raise UserError("These weights are an autoencoder alone: train a denoiser on it (trainer denoiser, setting autoencoder), or choose others.")  # fmt: skip
    return model


def generate(model: Any, prompt: str, negative_prompt: str, guidance_scale: float, steps: int, sampler: str, seed: int, n_images: int) -> list[Path]:  # fmt: skip
    """See the endpoint of this name."""
    recipe = Recipe(prompt, negative_prompt, guidance_scale, steps, sampler, seed, n_images)
    return save_pictures(need(model), recipe, draw(model, recipe))


def vary(model: Any, image: Path, prompt: str, strength: float, negative_prompt: str, guidance_scale: float, steps: int, sampler: str, seed: int, n_images: int) -> list[Path]:  # fmt: skip
    """See the endpoint of this name."""
    recipe = Recipe(prompt, negative_prompt, guidance_scale, steps, sampler, seed, n_images, strength=strength)
    return save_pictures(need(model), recipe, draw(model, recipe, start_from(model, recipe, image)), image)


def forward(model: Any, image: Path, timesteps: list[float]) -> list[dict[str, Any]]:
    """See the endpoint of this name."""
    from plugins.diffusion_cfg.inspect.forward_process import noised

    if not 1 <= len(timesteps) <= MOST_TIMESTEPS:
        raise UserError(f"{len(timesteps)} timesteps were given; 1 to {MOST_TIMESTEPS} at once are shown.")
    found = [noised(need(model), image, timestep) for timestep in timesteps]
    return [
        {"timestep": one.timestep, "alpha_bar": one.alpha**2, "snr": one.snr, "noisy": data_url(one.noisy), "predicted": data_url(one.predicted)}
        for one in found
    ]  # fmt: skip


def reverse(model: Any, prompt: str, negative_prompt: str, guidance_scale: float, steps: int, sampler: str, seed: int) -> list[dict[str, Any]]:  # fmt: skip
    """See the endpoint of this name."""
    from plugins.diffusion_cfg.inspect.reverse_process import film

    check_shown_steps(steps)
    frames = film(need(model), Recipe(prompt, negative_prompt, guidance_scale, steps, sampler, seed))
    return [frame.to_dict() for frame in frames]


def guidance(model: Any, prompt: str, scales: list[float], seed: int) -> list[dict[str, Any]]:
    """See the endpoint of this name."""
    from plugins.diffusion_cfg.inspect.guidance_scales import strip

    check_scales(scales)
    found = strip(need(model), Recipe(prompt, seed=seed), scales)
    return [{"scale": one.scale, "image": data_url(one.picture), "differences": one.differences, "saturation": one.saturation, "contrast": one.contrast} for one in found]  # fmt: skip


def check_shown_steps(steps: int) -> None:
    """Refuse a drawing of more steps than can be shown one by one."""
    if steps > MOST_SHOWN_STEPS:
        raise UserError(f"steps: {steps} were asked for; at most {MOST_SHOWN_STEPS} are shown one by one.")


def check_scales(scales: list[float]) -> None:
    """Refuse no guidance scale, or more than are drawn at once."""
    if not 1 <= len(scales) <= MOST_SCALES:
        raise UserError(f"{len(scales)} scales were given; 1 to {MOST_SCALES} at once are drawn.")
