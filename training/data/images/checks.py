"""The preflight of pictures: which can be decoded, of what sizes and kinds they are, and what is said about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.images.decode import header
from training.data.images.image_set import ImageSet
from training.errors import UserError
from training.preflight.sheet import Finding

DECODED = 20_000  # pictures that are decoded to their end; of more, the rest are judged by their headers
SHOWN = 5  # names in a finding
MANY_SIZES = 3


@dataclass(frozen=True)
class ImageFacts:
    """What was seen of one picture.

    Args:
        height, width: Upright, 0 where it cannot be read.
        colour: Whether it has colour channels, all equal or not.
        depth: 8 or 16 bits a channel.
        notices: What reading changes.
        fault: Why it cannot be read; empty where it can.
    """

    height: int = 0
    width: int = 0
    colour: bool = False
    depth: int = 8
    alpha: bool = False
    notices: tuple[str, ...] = ()
    fault: str = ""


def check_images(images: ImageSet, smallest: int = 1) -> tuple[ImageSet, list[Finding]]:
    """The pictures that can be used, and the findings for the sheet.

    Args:
        smallest: Pictures with a shorter side are left out, in pixels.

    Returns:
        The set without those that cannot be decoded or are too small; what was found. The last finding is red where none is left.
    """
    looks = inspect_images(images)
    broken = [row for row, look in enumerate(looks) if look.fault]
    small = [row for row, look in enumerate(looks) if not look.fault and min(look.height, look.width) < smallest]
    left_out = {*broken, *small}
    kept = [row for row in range(len(images)) if row not in left_out]
    found = [*images.notices, *_left_out(images, looks, broken, small, smallest)]
    if not kept:
        return images.select([]), [*found, Finding("red", "No picture is left to train on", "See why above, and give others.")]  # fmt: skip
    return images.select(kept), [*_described(images, [looks[row] for row in kept]), *found, *_changed(images, looks)]


def inspect_images(images: ImageSet) -> list[ImageFacts]:
    """Decode every picture (of more than 20,000, the rest by their headers), by threads; faults are recorded, never raised."""

    def one(row: int) -> ImageFacts:
        try:
            return _whole(images, row) if row < DECODED else _by_header(images, row)
        except UserError as error:
            return ImageFacts(fault=str(error))

    return images.each(one, range(len(images)))


def _whole(images: ImageSet, row: int) -> ImageFacts:
    picture = images.picture(row)
    height, width, channels = picture.pixels.shape
    return ImageFacts(height, width, channels == 3, picture.depth, picture.alpha is not None, picture.notices)


def _by_header(images: ImageSet, row: int) -> ImageFacts:
    height, width, mode = header(images.bytes(row), images.name(row))
    return ImageFacts(height, width, mode not in ("1", "L", "LA") and not mode.startswith(("I", "F")))


def _described(images: ImageSet, looks: Sequence[ImageFacts]) -> list[Finding]:
    sizes = Counter((look.height, look.width) for look in looks)
    heights, widths = np.asarray(list(sizes.elements())).T
    if len(sizes) == 1:
        size = f"all {widths[0]} x {heights[0]}"
    else:
        size = f"{widths.min()} to {widths.max()} wide, {heights.min()} to {heights.max()} high"
    colour = sum(look.colour for look in looks)
    kinds = [f"{count:,} {name}" for count, name in ((colour, "in colour"), (len(looks) - colour, "grey")) if count]
    beside = f"Columns beside them: {', '.join(images.columns)}." if images.columns else ""
    found = [Finding("green", f"{len(looks):,} pictures, {size}; {' and '.join(kinds)}", beside)]
    if len(kinds) == 2:
        found.append(Finding("green", "Grey and colour pictures are mixed", "All are brought to the channels that are trained on."))  # fmt: skip
    if deep := sum(look.depth == 16 for look in looks):
        found.append(Finding("green", f"{deep:,} pictures have 16 bits a channel", "They are trained on with 8."))
    if alpha := sum(look.alpha for look in looks):
        found.append(Finding("green", f"{alpha:,} pictures have transparent parts", "They are shown on white."))
    return found


def _left_out(
    images: ImageSet, looks: Sequence[ImageFacts], broken: list[int], small: list[int], smallest: int
) -> list[Finding]:
    found = []
    if broken:
        reasons = " ".join(looks[row].fault for row in broken[:SHOWN]) + _more(len(broken))
        found.append(Finding("amber", f"{len(broken):,} of {len(images):,} pictures cannot be read and are left out", reasons))  # fmt: skip
    if small:
        names = ", ".join(f"{images.name(row)} ({looks[row].width} x {looks[row].height})" for row in small[:SHOWN])
        title = f"{len(small):,} pictures are left out: a side is shorter than {smallest} pixels"
        found.append(Finding("amber", title, names + _more(len(small))))
    return found


def _changed(images: ImageSet, looks: Sequence[ImageFacts]) -> list[Finding]:
    """What reading changes, a finding for each kind of change."""
    found: dict[str, list[str]] = {}
    for row, look in enumerate(looks):
        for notice in look.notices:
            found.setdefault(notice, []).append(images.name(row))
    return [
        Finding("amber", f"{len(names):,} pictures: {notice}", ", ".join(names[:SHOWN]) + _more(len(names)))
        for notice, names in found.items()
    ]


def _more(count: int) -> str:
    return f" and {count - SHOWN:,} more." if count > SHOWN else ""
