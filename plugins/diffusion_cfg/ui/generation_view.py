"""What the page shows while and after it draws: no gradio here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.diffusion_cfg.answers import need
from plugins.diffusion_cfg.images import enlarged, to_image
from plugins.diffusion_cfg.sampling.generate import save_pictures, start_from
from plugins.diffusion_cfg.sampling.loop import sample
from plugins.diffusion_cfg.sampling.request import checked

if TYPE_CHECKING:
    from torch import Tensor

    from plugins.diffusion_cfg.sampling.request import Recipe

PREVIEW_SECONDS = 0.4  # between two looks: decoding costs more than a step of a small model


def drawn(model: Any, recipe: Recipe, image: Path | None) -> Iterator[tuple[list[Any], str, list[str]]]:
    """Yield the pictures as they come out of the noise: first the predicted clean ones, at the end the files.

    Yields:
        Images, words about them, and files (none until the end).
    """
    recipe = checked(need(model), recipe)
    start = start_from(model, recipe, image) if image else None
    began = shown = time.monotonic()
    step = None
    for step in sample(model, recipe, start):
        if time.monotonic() - shown > PREVIEW_SECONDS and step.number < step.of:
            yield (
                _images(model.decode(step.clean)),
                f"Step {step.number} of {step.of}: what the model expects to come out",
                [],
            )
            shown = time.monotonic()
    assert step is not None  # a recipe has at least one step
    pictures = model.decode(step.latents)
    seconds = time.monotonic() - began
    files = [str(file) for file in save_pictures(model, recipe, pictures, image)]
    yield (
        _images(pictures),
        f"{recipe.n_images} of {recipe.width} x {recipe.height} in {seconds:.1f} s, seeds from {recipe.seed} on.",
        files,
    )


def _images(pictures: Tensor) -> list[Any]:
    return [enlarged(to_image(picture)) for picture in pictures]
