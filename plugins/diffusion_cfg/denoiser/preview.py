"""Pictures for the panel while a denoiser trains: fixed prompts, fixed seeds, so that only the weights differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugins.diffusion_cfg.images import data_url, side_by_side
from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser
from plugins.diffusion_cfg.sampling.generate import draw
from plugins.diffusion_cfg.sampling.request import Recipe
from plugins.diffusion_cfg.sampling.samplers import usable
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.diffusion_cfg.settings import ObjectiveSettings

EACH = 4  # pictures a prompt
MOST_PIXELS = 256 * 256  # a picture: of larger ones a single one is drawn


def preview(pipeline: Any, prompts: list[str], settings: ObjectiveSettings) -> list[dict]:
    """A strip of pictures a prompt; a prompt that cannot be drawn says why."""
    model = Diffuser(pipeline, channels_last=False)
    count = EACH if model.size[0] * model.size[1] <= MOST_PIXELS else 1
    return [_one(model, prompt, settings, count) for prompt in prompts]


def _one(model: Diffuser, prompt: str, settings: ObjectiveSettings, count: int) -> dict:
    scale = settings.preview_guidance
    recipe = Recipe(
        prompt, guidance_scale=scale, steps=settings.preview_steps, sampler=usable(model)[0], n_images=count
    )
    try:
        return {"image": data_url(side_by_side(draw(model, recipe))), "caption": f"{prompt} (guidance {scale:g})"}
    except UserError as error:
        return {"text": f"{prompt}: {error}"}
