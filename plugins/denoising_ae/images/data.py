"""Read, check, pair and split the images of `images`. Needs no torch."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.denoising_ae.images.pairs import match_pairs
from training.data.images.checks import check_images
from training.data.images.decode import header
from training.data.images.image_set import ImageSet
from training.data.images.kept_pixels import KeptPixels, fits_on_disk
from training.data.images.preview import preview
from training.data.images.read import read_image_dataset, read_images
from training.data.splits import split_rows
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.denoising_ae.images.settings import ImagesSettings

USEFUL_IMAGES = 20
MAX_DECODED_BYTES = 64 * 2**20  # larger sets are decoded into a file
MIN_SIDE = 8  # pixels; the rest of a patch is mirrored


@dataclass(frozen=True, eq=False)
class NoisyAndClean:
    """Images, and for real pairs their clean partners in the same order (else None)."""

    images: ImageSet
    clean: ImageSet | None

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: Sequence[int] | np.ndarray) -> NoisyAndClean:
        return NoisyAndClean(self.images.select(rows), None if self.clean is None else self.clean.select(rows))

    def first(self, count: int) -> NoisyAndClean:
        return self.select(range(min(count, len(self))))

    def decoded(self) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray] | None]:
        """(height, width, channels) uint8 each: the images and their clean partners."""
        return _decoded(self.images), None if self.clean is None else _decoded(self.clean)


@dataclass(frozen=True, eq=False)
class DenoisingImages:
    """Training images, evaluation images, and what was found in them."""

    train: NoisyAndClean
    evaluation: NoisyAndClean
    sheet: Sheet


def read(settings: ImagesSettings) -> DenoisingImages:
    """Read, pair and split.

    Raises:
        UserError: If the images cannot be read at all.
    """
    images, findings = _read_file(settings, settings.data)
    findings = [*findings, *_supervision_findings(settings, images)]
    if settings.eval_data:
        evaluation, eval_findings = _read_file(settings, settings.eval_data)
        source = evaluation.images.source
        findings += [Finding(one.level, f"{source}: {one.title}", one.detail) for one in eval_findings]
        train = images
    else:
        train, evaluation, split_findings = _split(settings, images)
        findings += split_findings
    findings += _size_findings(settings, train, evaluation)
    return DenoisingImages(
        train, evaluation.first(settings.eval_images), Sheet(tuple(findings), sample=preview(train.images))
    )


def _read_file(settings: ImagesSettings, path: str) -> tuple[NoisyAndClean, list[Finding]]:
    images = read_images(Path(path)) if path else read_image_dataset(settings.dataset)
    images = images.as_channels(1 if settings.channels == "grey" else 3)
    pairs = match_pairs(images)
    if pairs is None:
        readable, findings = check_images(images, MIN_SIDE)
        return NoisyAndClean(readable, None), findings
    noisy, clean, findings = pairs
    return _readable_pairs(noisy, clean, findings)


def _split(settings: ImagesSettings, images: NoisyAndClean) -> tuple[NoisyAndClean, NoisyAndClean, list[Finding]]:
    """Hold a share out; copies of an image stay on one side."""
    files = images.images
    digests = files.digests()
    copies = len(digests) - len(np.unique(digests))
    title = f"{copies:,} images are copies of others"
    findings = [Finding("amber", title, "Copies stay on one side of the split.")] if copies else []
    rows, held_out = split_rows(None, len(files), eval_share=settings.eval_share, seed=settings.seed, groups=digests)
    return images.select(rows), images.select(held_out), findings


def _readable_pairs(noisy: ImageSet, clean: ImageSet, findings: list[Finding]) -> tuple[NoisyAndClean, list[Finding]]:
    """The pairs of which both images can be read and have one size."""
    rows, size_findings = _equal_sizes(noisy, clean)
    readable, noisy_findings = check_images(noisy.select(rows), MIN_SIDE)
    row_of = {name: row for row, name in enumerate(noisy.names[int(row)] for row in noisy.rows)}
    rows = [row_of[readable.name(row)] for row in range(len(readable))]
    partners, clean_findings = check_images(clean.select(rows), MIN_SIDE) if rows else (clean.select([]), [])
    findings = [*findings, *size_findings]
    if len(partners) < len(readable):
        names = {partners.name(row) for row in range(len(partners))}
        rows = [row for row in rows if clean.name(row) in names]
        findings += [one for one in clean_findings if one.level != "green"]
    return NoisyAndClean(noisy.select(rows), clean.select(rows)), [*findings, *noisy_findings]


def _equal_sizes(noisy: ImageSet, clean: ImageSet) -> tuple[list[int], list[Finding]]:
    """The rows of pairs whose headers are readable and of one size, and findings about the others."""
    equal, broken, unequal = [], [], []
    for row in range(len(noisy)):
        try:
            sizes = {header(side.bytes(row), side.name(row))[:2] for side in (noisy, clean)}
        except UserError as error:
            broken.append(str(error))
            continue
        (equal if len(sizes) == 1 and min(*sizes.pop()) >= MIN_SIDE else unequal).append(row)
    findings = []
    if broken:
        title = f"{len(broken)} pairs cannot be read and are left out"
        findings.append(Finding("amber", title, " ".join(broken[:5])))
    if unequal:
        title = f"{len(unequal)} pairs are of two sizes, or too small, and are left out"
        findings.append(Finding("amber", title, ", ".join(noisy.name(row) for row in unequal[:5])))
    return equal, findings


def _supervision_findings(settings: ImagesSettings, images: NoisyAndClean) -> list[Finding]:
    """Whether data, noise and supervision fit."""
    if images.clean is None and settings.noise == "none" and settings.supervision == "clean":
        advice = (
            "Choose a noise for clean images, noise2void for noisy ones, or put pairs into the folders noisy and clean."
        )
        return [Finding("red", "There is nothing to learn: no noise, no pairs", advice)]
    if images.clean is not None and settings.supervision != "clean":
        title = f"Pairs are trained on with supervision clean, not {settings.supervision}"
        return [
            Finding("red", title, "For noise2noise put the second noisy image of each scene into the folder clean.")
        ]
    if images.clean is not None and settings.noise != "none":
        return [Finding("green", "The noise of the pairs is learned; the setting noise is not used")]
    return []


def _size_findings(settings: ImagesSettings, train: NoisyAndClean, evaluation: NoisyAndClean) -> list[Finding]:
    """Whether there are enough images, and whether they fit into memory."""
    findings = []
    if not len(evaluation):
        advice = "Nothing is scored, and the last weights are kept: raise eval_share, or give eval_data."
        findings.append(Finding("amber", "No image is held out", advice))
    if 0 < len(train) < USEFUL_IMAGES:
        advice = f"{USEFUL_IMAGES} or more are useful; a large image counts for several."
        findings.append(Finding("amber", f"Only {len(train)} images to train on", advice))
    if not fits_on_disk(_decoded_bytes(train.images)):
        advice = "Each is decoded again when a patch is cut from it, which is slow: make large ones smaller."
        findings.append(Finding("amber", "The images do not fit on the disk decoded", advice))
    return findings


def _decoded_bytes(images: ImageSet) -> int:
    return images.pixels() * max(1, images.channels)


def _decoded(images: ImageSet) -> Sequence[np.ndarray]:
    """Small sets in memory, others in a file; where the disk has no room each image is decoded when it is sampled."""
    size = _decoded_bytes(images)
    if size <= MAX_DECODED_BYTES:
        return images.many(range(len(images)))
    if fits_on_disk(size):
        with contextlib.suppress(OSError):  # another process may have filled it meanwhile
            return KeptPixels(images.in_order(), len(images))
    return images  # type: ignore[return-value] - has the same length and indexing
