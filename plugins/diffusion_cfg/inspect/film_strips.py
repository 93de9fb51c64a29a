"""Film strips: tables of images with one column per step and one captioned row per quantity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from PIL import Image
from torch import Tensor

from plugins.diffusion_cfg.images import THUMBNAIL_PIXELS, enlarged, grid, to_image, with_caption
from plugins.diffusion_cfg.inspect.guidance_scales import GuidanceDecomposition
from plugins.diffusion_cfg.inspect.reverse_process import DecodedStep

MAX_COLUMNS = 12
S = TypeVar("S")


def trajectory_strip(name: str, steps: list[DecodedStep]) -> Image.Image:
    """x_t, the predicted noise and the predicted x_0, from pure noise on."""
    shown = subsample(steps)
    rows = {
        f"{name}: x_t": [step.noisy for step in shown],
        "predicted noise": [step.noise for step in shown],
        "predicted x_0": [step.clean for step in shown],
    }
    return image_table([_header(step.timestep) for step in shown], rows)


def score_strip(name: str, steps: list[DecodedStep]) -> Image.Image:
    """x_t and the direction of the score, with 0 as grey.

    The direction is the predicted x_0 minus x_t: the score times sigma squared, except for the scaling by alpha.
    """
    shown = subsample(steps)
    rows = {
        f"{name}: x_t": [step.noisy for step in shown],
        "direction of the score": [(step.clean - step.noisy) / 2 for step in shown],
    }
    return image_table([_header(step.timestep) for step in shown], rows)


def guidance_strip(steps: list[GuidanceDecomposition]) -> Image.Image:
    """Unconditional and conditional prediction, their difference with 0 as grey, and the guided prediction."""
    shown = subsample(steps)
    rows = {
        "predicted x_0, unconditional": [step.unconditional for step in shown],
        "conditional": [step.conditional for step in shown],
        "difference": [step.difference for step in shown],
        "guided": [step.guided for step in shown],
    }
    return image_table([_header(step.timestep) for step in shown], rows)


def image_table(headers: list[str], rows: dict[str, list[Tensor]]) -> Image.Image:
    """Rows of images of any sizes in columns of one width, with a caption per row and the headers above the first."""
    tiles = {caption: [_tile(image) for image in images] for caption, images in rows.items()}
    side = max(tile.width for row in tiles.values() for tile in row)
    captioned = []
    for index, (caption, row) in enumerate(tiles.items()):
        row = [tile.resize((side, side), Image.Resampling.NEAREST) for tile in row]
        if index == 0:
            row = [with_caption(tile, header) for tile, header in zip(row, headers, strict=True)]
        captioned.append(with_caption(grid(row, len(row)), caption))
    return stack_vertically(captioned)


def stack_vertically(images: list[Image.Image]) -> Image.Image:
    """Images of any sizes below each other, on white."""
    size = max(image.width for image in images), sum(image.height for image in images)
    canvas = Image.new("RGB", size, "white")
    top = 0
    for image in images:
        canvas.paste(image, (0, top))
        top += image.height
    return canvas


def subsample(steps: Sequence[S]) -> list[S]:
    """At most MAX_COLUMNS of the steps, evenly spaced, the first and the last among them."""
    indices = np.linspace(0, len(steps) - 1, min(MAX_COLUMNS, len(steps)))
    return [steps[round(index)] for index in indices]


def _header(timestep: float) -> str:
    return f"t = {timestep:.0f}"


def _tile(image: Tensor) -> Image.Image:
    return enlarged(to_image(image).convert("RGB"), THUMBNAIL_PIXELS)
