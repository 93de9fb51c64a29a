"""Sixteen bits a colour channel, which Pillow cuts to eight: the high bytes are read, then the low ones, and put together."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

OTHER_ORDER = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGBA;16B": "RGBA;16L", "RGBA;16L": "RGBA;16B"}


def deep_colour(data: bytes, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Pixels (height, width, 3) and alpha (height, width), uint16; None where the file is not of 16-bit colour.

    The decoder takes the high byte of each number in the order that the file has; told the other order it takes the low one.
    """
    from PIL import ImageOps

    order = _order(image)
    if order is None:
        return None
    high, low = (np.asarray(ImageOps.exif_transpose(each)) for each in (image, _told(data, OTHER_ORDER[order])))
    both = high.astype(np.uint16) << 8 | low
    return both[..., :3], both[..., 3] if both.shape[2] == 4 else None


def _order(image: Any) -> str | None:
    """The raw mode of all tiles, where it is one of 16 bits."""
    modes = {_raw_mode(tile.args) for tile in getattr(image, "tile", [])}
    return modes.pop() if len(modes) == 1 and modes <= OTHER_ORDER.keys() else None


def _raw_mode(args: Any) -> str:
    return args if isinstance(args, str) else next((each for each in args or () if each in OTHER_ORDER), "")


def _told(data: bytes, order: str) -> Any:
    from PIL import Image

    image: Any = Image.open(io.BytesIO(data))
    image.tile = [
        tile._replace(
            args=order
            if isinstance(tile.args, str)
            else tuple(order if each in OTHER_ORDER else each for each in tile.args)
        )
        for tile in image.tile
    ]
    return image
