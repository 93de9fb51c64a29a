"""Small pictures of the first images, for the sheet of what was found."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from training.data.images.image_set import ImageSet
from training.data_url import as_url
from training.errors import UserError

COUNT, SIDE, QUALITY = 8, 128, 85  # pictures, pixels of the longer side, and of JPEG


def preview(images: ImageSet, captions: Sequence[str] = ()) -> tuple[dict[str, str], ...]:
    """The first images as rows of a sheet: `image`, a JPEG as a data URL, and `caption`, else the file's name.

    Args:
        captions: One per image; empty ones count as none.
    """
    rows = []
    for row in range(min(COUNT, len(images))):
        try:
            pixels = images[row]
        except UserError:  # a finding says so
            continue
        caption = captions[row] if row < len(captions) else ""
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        rows.append({"image": _url(picture), "caption": caption or images.name(row)})
    return tuple(rows)


def _url(picture: Image.Image) -> str:
    small = picture.convert("L" if picture.mode == "L" else "RGB")
    small.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY)
    return as_url(file.getvalue(), "jpeg")
