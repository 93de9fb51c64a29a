"""Tiled denoising of large images without seams: each tile is widened by the network's receptive field."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from plugins.denoising_ae.images.inference.progress import run_to_end
from plugins.denoising_ae.models.denoising_cnn import DenoisingCNN, pad_to_multiple

# With the starter, 12 megapixels take about 1 GiB: docs/experiments/denoising_ae.md#speed-and-memory-of-large-images
TILE = 768  # side in pixels


class Span(NamedTuple):
    """One axis of a tile: its own pixels, and those the network must see for them."""

    start: int
    stop: int
    seen_start: int
    seen_stop: int


def denoise_tiled(model: DenoisingCNN, image: np.ndarray, level: float | None, tile: int = TILE) -> np.ndarray:
    """The result of `denoise_tile_by_tile`."""
    return run_to_end(denoise_tile_by_tile(model, image, level, tile))


def denoise_tile_by_tile(
    model: DenoisingCNN, image: np.ndarray, level: float | None, tile: int = TILE
) -> Generator[float, None, np.ndarray]:
    """Denoise an image of any size.

    Every tile begins at a multiple of the network's stride and is widened by its receptive field, so that its inner
    pixels equal those of the untiled result up to rounding: no blending is needed.

    Args:
        image: (height, width, channels) float32.
        level: Noise level in units of 1/255; None for blind.
        tile: Side of a tile in pixels, rounded up to a multiple of the stride.

    Yields:
        The share that is done; closing the generator stops the work.

    Returns:
        The same shape, not clipped.
    """
    height, width = image.shape[:2]
    stride = model.config.stride
    padded = pad_to_multiple(torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None], stride)
    out = np.empty_like(image)
    levels = None if level is None else torch.tensor([level])
    margin = -(-model.config.receptive_radius // stride) * stride
    rows, columns = (list(_spans(side, tile, stride, margin)) for side in padded.shape[-2:])
    tiles = [(row, column) for row in rows for column in columns]
    for number, (row, column) in enumerate(tiles, 1):
        seen = padded[..., row.seen_start : row.seen_stop, column.seen_start : column.seen_stop]
        inner = _forward(model, seen, levels)[0][(slice(None), _inner(row), _inner(column))]
        pixels = inner[:, : height - row.start, : width - column.start].permute(1, 2, 0).numpy()  # without the padding
        out[row.start : row.start + pixels.shape[0], column.start : column.start + pixels.shape[1]] = pixels
        yield number / len(tiles)
    return out


def _forward(model: DenoisingCNN, images: Tensor, level: Tensor | None) -> Tensor:
    device = next(model.parameters()).device
    with torch.inference_mode():
        return model(images.to(device), None if level is None else level.to(device)).float().cpu()


def _spans(side: int, tile: int, stride: int, margin: int) -> Iterator[Span]:
    """The tiles along one axis."""
    step = -(-tile // stride) * stride
    for start in range(0, side, step):
        stop = min(start + step, side)
        yield Span(start, stop, max(0, start - margin), min(side, stop + margin))


def _inner(span: Span) -> slice:
    """The tile's own pixels within what was seen."""
    return slice(span.start - span.seen_start, span.stop - span.seen_start)
