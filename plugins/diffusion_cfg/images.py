"""Image tensors as PIL images, PNG data URLs, grids and captioned tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.data_url import as_url, image_png

if TYPE_CHECKING:
    from torch import Tensor  # only an annotation: the page imports this module at its start

THUMBNAIL_PIXELS, DISPLAY_PIXELS = 96, 256  # pixels per side that smaller images are enlarged to
CAPTION_HEIGHT, FONT_SIZE, INK = 22, 14, "#334155"


def to_image(image: Tensor) -> Image.Image:
    """(channels, height, width) in [-1, 1] as a PIL image; values outside are clipped."""
    values = image.detach().float().cpu().numpy()
    pixels = np.rint((values.transpose(1, 2, 0) + 1).clip(0, 2) * 127.5).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def data_url(image: Tensor) -> str:
    """An image tensor as a PNG data URL, enlarged for display."""
    return as_url(image_png(enlarged(to_image(image))))


def enlarged(image: Image.Image, min_side: int = DISPLAY_PIXELS) -> Image.Image:
    """A small image enlarged by an integer factor, so that its pixels stay visible."""
    factor = max(1, min_side // max(image.size))
    size = (image.width * factor, image.height * factor)
    return image.resize(size, Image.Resampling.NEAREST) if factor > 1 else image


def side_by_side(images: Tensor) -> Tensor:
    """(batch, channels, height, width) as one image, (channels, height, batch x width)."""
    batch, channels, height, width = images.shape
    return images.permute(1, 2, 0, 3).reshape(channels, height, batch * width)


def with_caption(image: Image.Image, caption: str) -> Image.Image:
    """An image with one line of text above it."""
    canvas = Image.new("RGB", (image.width, image.height + CAPTION_HEIGHT), "white")
    ImageDraw.Draw(canvas).text((4, 3), caption, fill=INK, font=ImageFont.load_default(FONT_SIZE))
    canvas.paste(image.convert("RGB"), (0, CAPTION_HEIGHT))
    return canvas


def grid(images: list[Image.Image], columns: int) -> Image.Image:
    """Images of one size in rows of `columns`."""
    width, height = images[0].size
    rows = -(-len(images) // columns)
    canvas = Image.new(images[0].mode, (width * min(columns, len(images)), height * rows), "white")
    for index, image in enumerate(images):
        canvas.paste(image, (index % columns * width, index // columns * height))
    return canvas
