"""Film strips for the eye: a column a step, a row a thing that is looked at, with words above each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.diffusion_cfg.images import SMALL, enlarged, grid, labelled, to_image

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from plugins.diffusion_cfg.inspect.guidance_scales import Parts
    from plugins.diffusion_cfg.inspect.reverse_process import Frame

MOST = 12  # columns


def of_film(name: str, frames: list[Frame]) -> Image.Image:
    """x_t, the predicted noise and the predicted x_0, from noise on."""
    shown = thinned(frames)
    rows = {f"{name}: x_t": "noisy", "predicted noise": "noise", "predicted x_0": "clean"}
    return strip(_heads(shown), {words: [getattr(one, field) for one in shown] for words, field in rows.items()})


def of_pull(name: str, frames: list[Frame]) -> Image.Image:
    """x_t and where the score pulls it, about grey: predicted x_0 minus x_t, which is the score times sigma squared, but for the fading."""
    shown = thinned(frames)
    pull = [(one.clean - one.noisy) / 2 for one in shown]
    return strip(_heads(shown), {f"{name}: x_t": [one.noisy for one in shown], "where the score pulls": pull})


def of_guidance(parts: list[Parts]) -> Image.Image:
    """What is predicted without the caption and with it, the difference about grey, and what the scale makes of them."""
    shown = thinned(parts)
    rows = {"x_0 predicted without the caption": "without", "with the caption": "with_caption", "the difference": "difference", "guided": "guided"}  # fmt: skip
    return strip(_heads(shown), {words: [getattr(one, field) for one in shown] for words, field in rows.items()})


def strip(heads: list[str], rows: dict[str, list[Tensor]]) -> Image.Image:
    """Rows of pictures of any sizes in columns of one width, the heads above the first row."""
    side = max(_as_tile(picture).width for pictures in rows.values() for picture in pictures)
    made = []
    for place, (words, pictures) in enumerate(rows.items()):
        tiles = [_as_tile(picture).resize((side, side), 0) for picture in pictures]
        tiles = [labelled(tile, head) for tile, head in zip(tiles, heads, strict=True)] if not place else tiles
        made.append(labelled(grid(tiles, len(tiles)), words))
    return stacked(made)


def stacked(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of any sizes below each other, on white."""
    from PIL import Image

    whole = Image.new("RGB", (max(each.width for each in pictures), sum(each.height for each in pictures)), "white")
    top = 0
    for each in pictures:
        whole.paste(each, (0, top))
        top += each.height
    return whole


def thinned(found: list[Any]) -> list[Any]:
    """At most MOST of them, first and last among them."""
    places = np.linspace(0, len(found) - 1, min(MOST, len(found)))
    return [found[round(place)] for place in places]


def _heads(shown: list[Any]) -> list[str]:
    return [f"t = {one.timestep:.0f}" for one in shown]


def _as_tile(picture: Tensor) -> Image.Image:
    return enlarged(to_image(picture).convert("RGB"), SMALL)
