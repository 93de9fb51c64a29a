"""A recipe's pictures, whole: sampled to the end and decoded, each with the words that make it again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.diffusion_cfg.data.resize import fitted
from plugins.diffusion_cfg.images import to_image
from plugins.diffusion_cfg.sampling.loop import Step, sample
from plugins.diffusion_cfg.sampling.request import Recipe, checked
from training.data.images.decode import decode, to_channels
from training.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser

KEY, FORMAT = "diffusion_cfg", 1  # of the text chunk that holds a recipe
PLAIN = "parameters"  # and of the one that other programs read
Listener = Callable[[Step], Any]


def draw(model: Diffuser, recipe: Recipe, start: Tensor | None = None, listen: Listener = lambda step: None) -> Tensor:
    """The recipe's pictures, (pictures, channels, height, width) in [-1, 1].

    Args:
        listen: Called with every step; what it raises ends the drawing.

    Raises:
        UserError: See `sample`.
    """
    last = None
    for last in sample(model, recipe, start):
        listen(last)
    assert last is not None  # a recipe has at least one step
    return model.decode(last.latents)


def start_from(model: Diffuser, recipe: Recipe, image: Path) -> Tensor:
    """Latents of a picture's file, brought to the recipe's size.

    Raises:
        UserError: If it is no picture that can be read.
    """
    return model.encode_pictures([as_model_has_it(model, recipe, image)])


def as_model_has_it(model: Diffuser, recipe: Recipe, image: Path) -> np.ndarray:
    """A picture's file in the recipe's size and the model's channels, (height, width, channels) uint8."""
    recipe = checked(model, recipe)
    pixels = to_channels(decode(image).flat(), model.channels)
    side = max(recipe.height, recipe.width)
    square = fitted(pixels, side, "crop")
    top, left = (side - recipe.height) // 2, (side - recipe.width) // 2
    return np.ascontiguousarray(square[top : top + recipe.height, left : left + recipe.width])


def save_pictures(model: Diffuser, recipe: Recipe, pictures: Tensor, image: Path | None = None) -> list[Path]:
    """PNG files, one a picture, named by seed; each holds the recipe that makes it alone.

    Args:
        image: The picture they were started from, where there is one: its name is noted.
    """
    from PIL.PngImagePlugin import PngInfo

    recipe = checked(model, recipe)
    folder = Path(tempfile.mkdtemp(prefix="selfsup-"))
    files = []
    for place, picture in enumerate(pictures):
        own = replace(recipe, seed=recipe.seed + place, n_images=1)
        chunks = PngInfo()
        about = {"format": FORMAT, "weights": model.name, "fingerprint": model.fingerprint, **own.to_dict()}
        about |= {"started_from": image.name} if image else {}
        chunks.add_text(PLAIN, in_words(own, model))
        chunks.add_itxt(KEY, json.dumps(about, ensure_ascii=False))
        files.append(folder / f"seed-{own.seed}.png")
        to_image(picture).save(files[-1], pnginfo=chunks)
    return files


def in_words(recipe: Recipe, model: Diffuser) -> str:
    """The recipe in the form that other programs show."""
    negative = f"\nNegative prompt: {recipe.negative_prompt}" if recipe.negative_prompt else ""
    facts = f"Steps: {recipe.steps}, Sampler: {recipe.sampler}, CFG scale: {recipe.guidance_scale:g}, Seed: {recipe.seed}, Size: {recipe.width}x{recipe.height}, Model: {model.name}, Model hash: {model.fingerprint}"
    return f"{recipe.prompt}{negative}\n{facts}"


def recipe_in(file: Path) -> tuple[Recipe, dict[str, Any]]:
    """The recipe that a picture holds, and what it says of its weights (name and fingerprint) and of the picture it was started from.

    Raises:
        UserError: If it holds none.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=["PNG"]) as image:
            image.load()
            text = getattr(image, "text", {}).get(KEY, "")
        about = json.loads(text) if text else None
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise UserError(f"{file.name} is no PNG that was drawn here.") from error
    if not isinstance(about, dict):
        raise UserError(
            f"{file.name} does not say how it was made: only PNG files that this page wrote do, and only unchanged."
        )
    return Recipe.from_dict(about), {
        name: str(about.get(name, "")) for name in ("weights", "fingerprint", "started_from")
    }
