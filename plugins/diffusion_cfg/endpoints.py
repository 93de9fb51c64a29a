"""What the plugin answers over the API; cheap to import, the work is in `answers`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser


def generate(
    model: Diffuser,
    prompt: str,
    negative_prompt: str = "",
    guidance_scale: float = 5.0,
    steps: int = 20,
    sampler: str = "dpm++",
    seed: int = 0,
    n_images: int = 1,
) -> list[Path]:
    """Draw pictures of what a prompt says.

    Args:
        prompt: What the picture should show; longer than the encoder reads is refused.
        negative_prompt: What it should not show.
        guidance_scale: How much more the caption counts, 0 to 50; 1 is the conditional model alone.
        steps: Sampling steps, 1 to 1000.
        sampler: ddpm, ddim, dpm++, unipc, euler or lcm, where the model allows it.
        seed: Of the noise; picture k has seed + k. The same seed gives the same picture.
        n_images: Pictures, 1 to 64.

    Returns:
        PNG files; each says in its metadata how it was made.
    """
    from plugins.diffusion_cfg import answers

    return answers.generate(model, prompt, negative_prompt, guidance_scale, steps, sampler, seed, n_images)


def vary(
    model: Diffuser,
    image: Path,
    prompt: str,
    strength: float = 0.6,
    negative_prompt: str = "",
    guidance_scale: float = 5.0,
    steps: int = 20,
    sampler: str = "dpm++",
    seed: int = 0,
    n_images: int = 1,
) -> list[Path]:
    """Draw pictures that begin from one of yours (image to image; Meng et al., 2022).

    Args:
        image: The picture to begin from; it is cut to the model's size.
        prompt: What the picture should become.
        strength: 0.01 keeps nearly all of it, 1 forgets it.
        negative_prompt: As of generate.
        guidance_scale: As of generate.
        steps: Of the whole way; strength says which share of them is taken.
        sampler: As of generate.
        seed: As of generate.
        n_images: As of generate.

    Returns:
        PNG files.
    """
    from plugins.diffusion_cfg import answers

    return answers.vary(model, image, prompt, strength, negative_prompt, guidance_scale, steps, sampler, seed, n_images)


def forward(model: Diffuser, image: Path, timesteps: list[float]) -> list[dict[str, Any]]:
    """Add noise to a picture, as training does, and see what the model makes of it.

    Args:
        image: A picture; it is cut to the model's size.
        timesteps: How far to go, each 0 (hardly any noise) to 999 (nothing else).

    Returns:
        A record a timestep: timestep, alpha_bar, snr, noisy and predicted (the clean picture that the model sees in it), PNG data URLs.
    """
    from plugins.diffusion_cfg import answers

    return answers.forward(model, image, timesteps)


def reverse(
    model: Diffuser,
    prompt: str,
    negative_prompt: str = "",
    guidance_scale: float = 5.0,
    steps: int = 20,
    sampler: str = "dpm++",
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Draw a picture and show every step of it.

    Args:
        prompt: As of generate.
        negative_prompt: As of generate.
        guidance_scale: As of generate.
        steps: Sampling steps, 1 to 200.
        sampler: As of generate.
        seed: As of generate.

    Returns:
        A record a step: step, timestep, snr, noisy (x_t), noise (what is predicted) and clean (x_0 predicted) as PNG data URLs;
        score_length, and difference (norm of conditional minus unconditional prediction, per latent).
    """
    from plugins.diffusion_cfg import answers

    return answers.reverse(model, prompt, negative_prompt, guidance_scale, steps, sampler, seed)


def guidance(model: Diffuser, prompt: str, scales: list[float], seed: int = 0) -> list[dict[str, Any]]:
    """Draw one prompt and seed at several guidance scales.

    Args:
        prompt: As of generate.
        scales: Guidance scales, 0 to 50, at most 16 of them.
        seed: As of generate.

    Returns:
        A record a scale: scale, image (PNG data URL), differences (norm per step of conditional minus unconditional), saturation
        (share of the pixels at the ends of their range), contrast (deviation of the pixels).
    """
    from plugins.diffusion_cfg import answers

    return answers.guidance(model, prompt, scales, seed)
