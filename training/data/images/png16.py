"""Read 16-bit colour PNG and TIFF, which Pillow truncates to 8 bits: high and low bytes are decoded separately."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from PIL import Image

OTHER_ORDER = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGBA;16B": "RGBA;16L", "RGBA;16L": "RGBA;16B"}


def read_16_bit_colour(data: bytes, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Return pixels (height, width, 3) and alpha (height, width), uint16; None if the file has no 16-bit colour.

    Pillow's decoder keeps the high byte of each number in the file's byte order; decoded in the opposite order, it
    keeps the low byte. Both decodes together give the 16 bits.
    """
    order = _order(image)
    if order is None:
        return None
    swapped = _open_with_order(data, OTHER_ORDER[order])
    high, low = (np.asarray(ImageOps.exif_transpose(half)) for half in (image, swapped))
    both = high.astype(np.uint16) << 8 | low
    return both[..., :3], both[..., 3] if both.shape[2] == 4 else None


def _order(image: Any) -> str | None:
    """Return the raw mode of all tiles if it is one of 16 bits."""
    modes = {_raw_mode(tile.args) for tile in getattr(image, "tile", [])}
    return modes.pop() if len(modes) == 1 and modes <= OTHER_ORDER.keys() else None


def _raw_mode(args: Any) -> str:
    return args if isinstance(args, str) else next((arg for arg in args or () if arg in OTHER_ORDER), "")


def _open_with_order(data: bytes, order: str) -> Any:
    image: Any = Image.open(io.BytesIO(data))
    image.tile = [
        tile._replace(
            args=order
            if isinstance(tile.args, str)
            else tuple(order if arg in OTHER_ORDER else arg for arg in tile.args)
        )
        for tile in image.tile
    ]
    return image
