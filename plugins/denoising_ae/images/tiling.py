"""Large pictures in tiles, without seams: each tile sees as far as the network does, so that its middle is what the whole would give."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor

from plugins.denoising_ae.images.progress import finished
from plugins.denoising_ae.models.denoising_cnn import Denoiser, pad_to

TILE = 768  # pixels a side: 12 megapixels take a process of 0.9 GiB with the starter (docs/experiments.md)


def in_tiles(model: Denoiser, picture: np.ndarray, level: float | None, tile: int = TILE) -> np.ndarray:
    """What `tile_by_tile` comes to."""
    return finished(tile_by_tile(model, picture, level, tile))


def tile_by_tile(
    model: Denoiser, picture: np.ndarray, level: float | None, tile: int = TILE
) -> Generator[float, None, np.ndarray]:
    """Denoise a picture of any size.

    Every tile begins at a multiple of the network's stride and is widened by its field of view, so that its inner pixels
    are those of the untiled result up to rounding: no blending is needed.

    Args:
        picture: (height, width, channels) float32.
        level: Of the noise, in units of 1/255; None for blind.
        tile: Pixels a side, rounded up to a multiple of the stride.

    Yields:
        The share that is done; closing the generator ends the work.

    Returns:
        The same shape, not clipped.
    """
    height, width = picture.shape[:2]
    whole = pad_to(torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None], model.config.multiple)
    out = np.empty_like(picture)
    levels = None if level is None else torch.tensor([level])
    places = list(_places(whole.shape[-2:], tile, model.config.multiple, _margin(model)))
    for number, (top, bottom, left, right, from_top, to_bottom, from_left, to_right) in enumerate(places, 1):
        found = _run(model, whole[..., from_top:to_bottom, from_left:to_right], levels)
        inner = found[0, :, top - from_top : bottom - from_top, left - from_left : right - from_left]
        kept = inner[:, : height - top, : width - left].permute(1, 2, 0).numpy()
        out[top : top + kept.shape[0], left : left + kept.shape[1]] = kept
        yield number / len(places)
    return out


def _run(model: Denoiser, pictures: Tensor, level: Tensor | None) -> Tensor:
    device = next(model.parameters()).device
    with torch.inference_mode():
        return model(pictures.to(device), None if level is None else level.to(device)).float().cpu()


def _margin(model: Denoiser) -> int:
    """The field of view, rounded up to the stride."""
    stride = model.config.multiple
    return -(-model.config.reach // stride) * stride


def _places(sides: torch.Size, tile: int, stride: int, margin: int) -> Iterator[tuple[int, ...]]:
    """(top, bottom, left, right) of each tile, and of what it has to see."""
    step = -(-tile // stride) * stride
    rows, columns = ([(start, min(start + step, side)) for start in range(0, side, step)] for side in sides)
    for top, bottom in rows:
        for left, right in columns:
            seen = max(0, top - margin), min(sides[0], bottom + margin), max(0, left - margin), min(sides[1], right + margin)  # fmt: skip
            yield top, bottom, left, right, *seen
