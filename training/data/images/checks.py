"""Preflight checks of images: which can be decoded, their sizes and channels, and the findings for the sheet."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.data.array_files import numbers_where
from training.data.images.decode import header
from training.data.images.image_set import ImageSet
from training.data.progress import report
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

MAX_DECODED = 20_000  # images that are decoded; of more, only the headers are read
MAX_NAMES = 5  # in a finding
CHECKING = "Checking the images"


@dataclass(frozen=True)
class ImageFacts:
    """Properties of one image.

    Args:
        height, width: Upright, in pixels; 0 if it cannot be read.
        colour: Whether it has colour channels, all equal or not.
        depth: 8 or 16 bits per channel.
        profile: Name of its colour profile, if that is not sRGB.
        notices: What is changed when it is read.
        fault: Why it cannot be read; empty if it can.
    """

    height: int = 0
    width: int = 0
    colour: bool = False
    depth: int = 8
    alpha: bool = False
    profile: str = ""
    notices: tuple[str, ...] = ()
    fault: str = ""


def check_images(images: ImageSet, smallest: int = 1) -> tuple[ImageSet, list[Finding]]:
    """Select the images that can be used, and return the findings for the sheet.

    Args:
        smallest: Images with a shorter side are left out, in pixels.

    Returns:
        The set without images that cannot be decoded or are too small, and the findings; the last one is red if none is
        left.
    """
    facts = inspect_images(images)
    broken = [row for row, fact in enumerate(facts) if fact.fault]
    small = [row for row, fact in enumerate(facts) if not fact.fault and min(fact.height, fact.width) < smallest]
    images, is_kept = _with_sizes(images, facts), np.ones(len(images), bool)
    is_kept[[*broken, *small]] = False
    kept = numbers_where(is_kept)
    findings = [*images.notices, *_left_out(images, facts, broken, small, smallest)]
    if not len(kept):
        return images.select([]), [
            *findings,
            Finding("red", "No image is left to train on", "See why above, and give others."),
        ]
    described = _describe(images, list(itertools.compress(facts, is_kept)))
    return images.select(kept), [*described, *findings, *_changes(images, facts)]


def _with_sizes(images: ImageSet, facts: Sequence[ImageFacts]) -> ImageSet:
    sizes = np.zeros((len(images.names), 2), np.int32)
    for row, fact in zip(images.rows, facts, strict=True):
        sizes[row] = fact.height, fact.width
    return replace(images, sizes=sizes)


def inspect_images(images: ImageSet) -> list[ImageFacts]:
    """Decode the first 20,000 images and read the headers of the others, in threads.

    Faults are recorded, never raised.
    """

    known: dict[ImageFacts, ImageFacts] = {}  # a million images have few sizes: equal facts are one object

    def inspect(row: int) -> ImageFacts:
        report(CHECKING, row, len(images))
        try:
            facts = _whole(images, row) if row < MAX_DECODED else _by_header(images, row)
        except UserError as error:
            return ImageFacts(fault=str(error))
        return known.setdefault(facts, facts)

    return images.map(inspect, range(len(images)))


def _whole(images: ImageSet, row: int) -> ImageFacts:
    image = images.decoded(row)
    height, width, channels = image.pixels.shape
    alpha, profile = image.alpha is not None, image.other_profile
    return ImageFacts(height, width, channels == 3, image.depth, alpha, profile, image.notices)


def _by_header(images: ImageSet, row: int) -> ImageFacts:
    height, width, mode = header(images.bytes(row), images.name(row))
    return ImageFacts(height, width, mode not in ("1", "L", "LA") and not mode.startswith(("I", "F")))


def _describe(images: ImageSet, facts: Sequence[ImageFacts]) -> list[Finding]:
    sizes = Counter((fact.height, fact.width) for fact in facts)
    heights, widths = np.asarray(list(sizes)).T
    if len(sizes) == 1:
        size = f"all {widths[0]} x {heights[0]}"
    else:
        size = f"{widths.min()} to {widths.max()} wide, {heights.min()} to {heights.max()} high"
    colour = sum(fact.colour for fact in facts)
    kinds = [f"{count:,} {name}" for count, name in ((colour, "in colour"), (len(facts) - colour, "grey")) if count]
    beside = f"Columns beside them: {', '.join(images.columns)}." if images.columns else ""
    findings = [Finding("green", f"{len(facts):,} images, {size}; {' and '.join(kinds)}", beside)]
    if len(kinds) == 2:
        findings.append(
            Finding("green", "Grey and colour images are mixed", "All are converted to the channels trained on.")
        )
    if deep := sum(fact.depth == 16 for fact in facts):
        findings.append(Finding("green", f"{deep:,} images have 16 bits per channel", "They are trained on with 8."))
    if alpha := sum(fact.alpha for fact in facts):
        findings.append(Finding("green", f"{alpha:,} images have transparent parts", "They are shown on white."))
    if profiles := Counter(fact.profile for fact in facts if fact.profile):
        title = f"{profiles.total():,} images have a colour profile other than sRGB"
        findings.append(Finding("green", title, f"They are converted to sRGB: {listed(list(profiles), MAX_NAMES)}."))
    return findings


def _left_out(
    images: ImageSet, facts: Sequence[ImageFacts], broken: list[int], small: list[int], smallest: int
) -> list[Finding]:
    findings = []
    if broken:
        reasons = " ".join(facts[row].fault for row in broken[:MAX_NAMES]) + _more(len(broken))
        title = f"{len(broken):,} of {len(images):,} images cannot be read and are left out"
        findings.append(Finding("amber", title, reasons))
    if small:
        names = ", ".join(f"{images.name(row)} ({facts[row].width} x {facts[row].height})" for row in small[:MAX_NAMES])
        title = f"{len(small):,} images are left out: a side is shorter than {smallest} pixels"
        findings.append(Finding("amber", title, names + _more(len(small))))
    return findings


def _changes(images: ImageSet, facts: Sequence[ImageFacts]) -> list[Finding]:
    """Return one finding for each kind of change that reading makes."""
    changed: dict[str, list[str]] = {}
    for row, fact in enumerate(facts):
        for notice in fact.notices:
            changed.setdefault(notice, []).append(images.name(row))
    return [
        Finding("amber", f"{len(names):,} images: {notice}", ", ".join(names[:MAX_NAMES]) + _more(len(names)))
        for notice, names in changed.items()
    ]


def _more(count: int) -> str:
    return f" and {count - MAX_NAMES:,} more." if count > MAX_NAMES else ""
