"""Preview images while a denoiser trains: fixed prompts and seeds, so that only the weights differ."""

from __future__ import annotations

from typing import Any

from plugins.diffusion_cfg.images import data_url, side_by_side
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from plugins.diffusion_cfg.sampling.schedulers import usable_samplers
from plugins.diffusion_cfg.settings import DiffusionSettings
from training.errors import UserError

IMAGES_PER_PROMPT = 4
MAX_GRID_PIXELS = 256 * 256  # per image: of larger images only one is generated


def preview(pipeline: Any, prompts: list[str], settings: DiffusionSettings) -> list[dict]:
    """A row of images per prompt, or the reason why a prompt cannot be used."""
    model = LoadedPipeline(pipeline, channels_last=False)
    count = IMAGES_PER_PROMPT if model.image_size[0] * model.image_size[1] <= MAX_GRID_PIXELS else 1
    return [_preview_prompt(model, prompt, settings, count) for prompt in prompts]


def _preview_prompt(model: LoadedPipeline, prompt: str, settings: DiffusionSettings, count: int) -> dict:
    scale = settings.preview_guidance_scale
    sampler = usable_samplers(model)[0]
    request = GenerationRequest(
        prompt, guidance_scale=scale, steps=settings.preview_steps, sampler=sampler, n_images=count
    )
    try:
        image = data_url(side_by_side(generate_images(model, request)))
        return {"image": image, "caption": f"{prompt} (guidance {scale:g})"}
    except UserError as error:
        return {"text": f"{prompt}: {error}"}
