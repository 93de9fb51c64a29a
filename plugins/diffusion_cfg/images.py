"""Tensors of pictures as files and as data URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.data_url import as_url, image_png

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

SMALL, LARGE = 96, 256  # pixels a side: smaller pictures are enlarged for the eye, pixel by pixel


def to_image(picture: Tensor) -> Image.Image:
    """(channels, height, width) in [-1, 1] as an image; what lies outside is cut."""
    from PIL import Image

    values = picture.detach().float().cpu().numpy()
    pixels = np.rint((values.transpose(1, 2, 0) + 1).clip(0, 2) * 127.5).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def data_url(picture: Tensor | Image.Image, enlarge: bool = True) -> str:
    """A picture as a PNG in a URL."""
    image: Any = picture if hasattr(picture, "save") else to_image(picture)  # type: ignore[arg-type]
    return as_url(image_png(enlarged(image) if enlarge else image))


def enlarged(image: Image.Image, least: int = LARGE) -> Image.Image:
    """A small picture by a whole factor, so that each of its pixels can be seen."""
    from PIL import Image

    times = max(1, least // max(image.size))
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST) if times > 1 else image


def side_by_side(pictures: Tensor) -> Tensor:
    """(batch, channels, height, width) as one picture, (channels, height, batch x width)."""
    batch, channels, height, width = pictures.shape
    return pictures.permute(1, 2, 0, 3).reshape(channels, height, batch * width)


def labelled(picture: Image.Image, words: str) -> Image.Image:
    """A picture with a line of words above it."""
    from PIL import Image, ImageDraw, ImageFont

    height = 22
    whole = Image.new("RGB", (picture.width, picture.height + height), "white")
    ImageDraw.Draw(whole).text((4, 3), words, fill="#334155", font=ImageFont.load_default(14))
    whole.paste(picture.convert("RGB"), (0, height))
    return whole


def grid(pictures: list[Image.Image], columns: int) -> Image.Image:
    """Pictures of one size in rows."""
    from PIL import Image

    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    whole = Image.new(pictures[0].mode, (width * min(columns, len(pictures)), height * rows), "white")
    for place, picture in enumerate(pictures):
        whole.paste(picture, (place % columns * width, place // columns * height))
    return whole
