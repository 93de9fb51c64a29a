"""A loaded text-to-image pipeline that answers the endpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins.diffusion_cfg.denoiser.endpoints import TextToImage
from plugins.diffusion_cfg.images import data_url
from plugins.diffusion_cfg.inspect.forward_process import add_noise_to_image
from plugins.diffusion_cfg.inspect.guidance_scales import generate_over_scales
from plugins.diffusion_cfg.inspect.reverse_process import decode_trajectory
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import generate_images, initial_latents
from plugins.diffusion_cfg.sampling.png_metadata import save_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.errors import UserError

MAX_TIMESTEPS = 64


class TextToImagePredictor(LoadedPipeline, TextToImage):
    """A loaded pipeline with its endpoints."""

    def generate(
        self,
        prompt: str,
        negative_prompt: str = "",
        guidance_scale: float = 5.0,
        steps: int = 20,
        sampler: str = "dpm++",
        seed: int = 0,
        n_images: int = 1,
    ) -> list[Path]:
        request = GenerationRequest(prompt, negative_prompt, guidance_scale, steps, sampler, seed, n_images)
        return save_images(self, request, generate_images(self, request))

    def vary(
        self,
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
        request = GenerationRequest(
            prompt, negative_prompt, guidance_scale, steps, sampler, seed, n_images, strength=strength
        )
        images = generate_images(self, request, initial_latents(self, request, image))
        return save_images(self, request, images, image)

    def forward(self, image: Path, timesteps: list[float]) -> list[dict[str, Any]]:
        if not 1 <= len(timesteps) <= MAX_TIMESTEPS:
            raise UserError(f"{len(timesteps)} timesteps were given; 1 to {MAX_TIMESTEPS} are possible.")
        noised = [add_noise_to_image(self, image, timestep) for timestep in timesteps]
        return [
            {
                "timestep": each.timestep,
                "alpha_bar": each.alpha**2,
                "snr": each.snr,
                "noisy": data_url(each.noisy),
                "predicted": data_url(each.predicted),
            }
            for each in noised
        ]

    def reverse(
        self,
        prompt: str,
        negative_prompt: str = "",
        guidance_scale: float = 5.0,
        steps: int = 20,
        sampler: str = "dpm++",
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        request = GenerationRequest(prompt, negative_prompt, guidance_scale, steps, sampler, seed)
        return [step.to_dict() for step in decode_trajectory(self, request)]

    def guidance(self, prompt: str, scales: list[float], seed: int = 0) -> list[dict[str, Any]]:
        results = generate_over_scales(self, GenerationRequest(prompt, seed=seed), scales)
        return [
            {
                "scale": result.scale,
                "image": data_url(result.image),
                "differences": result.differences,
                "saturation": result.saturation,
                "contrast": result.contrast,
            }
            for result in results
        ]


def load(folder: Path) -> TextToImagePredictor:
    """Load an artifact or any other Stable Diffusion pipeline.

    Raises:
        UserError: See `read_pipeline`.
    """
    return TextToImagePredictor.load(folder)
