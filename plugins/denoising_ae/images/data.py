"""What `images` trains and evaluates on: read, judged, matched and split, with every finding in words. Needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.denoising_ae.images.pairs import split_pairs
from training.data.images.checks import check_images
from training.data.images.decode import header
from training.data.images.image_set import ImageSet
from training.data.images.read import read_image_dataset, read_images
from training.data.splits import split_rows
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.denoising_ae.settings import ImagesSettings

FEW = 20
MOST_DECODED = 2 * 2**30  # bytes of pictures that are kept decoded; of more, each is decoded when it is drawn
SMALLEST = 8  # pixels a side of a picture that is worth a patch; the rest of the patch is mirrored


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures to learn from, pictures to score on, and (for pairs) what the noisy ones should become.

    Args:
        train: (height, width, channels) uint8 each.
        train_targets: Of real pairs, the clean ones in the same order; else None.
        names: Of the evaluation pictures.
    """

    train: Sequence[np.ndarray]
    train_targets: Sequence[np.ndarray] | None
    evaluation: Sequence[np.ndarray]
    evaluation_targets: Sequence[np.ndarray] | None
    names: tuple[str, ...]
    findings: tuple[Finding, ...]


def check(settings: ImagesSettings) -> Sheet:
    """The preflight sheet; what cannot be read at all is a red row, not an error."""
    try:
        return Sheet(tuple(_read_all(settings)[-1]))
    except UserError as error:
        return Sheet((Finding("red", "The pictures cannot be used", str(error)),))


def prepare(settings: ImagesSettings) -> Pictures:
    """Read, match, split and decode.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    train, evaluation, found = _read_all(settings)
    Sheet(tuple(found)).raise_if_blocked()
    evaluation = evaluation.first(settings.eval_images)
    names = tuple(evaluation.noisy.name(row) for row in range(len(evaluation.noisy)))
    return Pictures(*train.decoded(), *evaluation.decoded(), names, tuple(found))


@dataclass(frozen=True, eq=False)
class _Side:
    """Pictures, and of real pairs their clean partners."""

    noisy: ImageSet
    clean: ImageSet | None

    def select(self, rows: Sequence[int] | np.ndarray) -> _Side:
        return _Side(self.noisy.select(rows), None if self.clean is None else self.clean.select(rows))

    def first(self, count: int) -> _Side:
        return self.select(range(min(count, len(self.noisy))))

    def decoded(self) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray] | None]:
        return _decoded(self.noisy), None if self.clean is None else _decoded(self.clean)


def _read_all(settings: ImagesSettings) -> tuple[_Side, _Side, list[Finding]]:
    """Training pictures, evaluation pictures, findings."""
    side, found = _read(settings, settings.data)
    found += _kind_found(settings, side)
    if settings.eval_data:
        evaluation, more = _read(settings, settings.eval_data)
        found += [Finding(one.level, f"{evaluation.noisy.source}: {one.title}", one.detail) for one in more]
        train = side
    else:
        groups = [hashlib.sha1(side.noisy.bytes(row), usedforsecurity=False).digest() for row in range(len(side.noisy))]
        twins = len(groups) - len(set(groups))
        if twins:
            found.append(Finding("amber", f"{twins:,} pictures are copies of others", "Copies stay on one side of the split."))  # fmt: skip
        rows, held_out = split_rows(None, len(side.noisy), eval_share=settings.eval_share, seed=settings.seed, groups=groups)  # fmt: skip
        train, evaluation = side.select(rows), side.select(held_out)
    if not len(evaluation.noisy):
        found.append(Finding("amber", "No picture is held out", "Nothing is scored, and the last weights are kept: raise eval_share, or give eval_data."))  # fmt: skip
    if 0 < len(train.noisy) < FEW:
        found.append(Finding("amber", f"Only {len(train.noisy)} pictures to learn from", f"{FEW} or more are useful; large ones count for several."))  # fmt: skip
    if sum(_pixels(train.noisy)) * (3 if settings.channels != "grey" else 1) > MOST_DECODED:
        found.append(Finding("amber", "The pictures do not fit into memory decoded", "Each is decoded anew when a patch is cut from it, which is slow: make large ones smaller."))  # fmt: skip
    return train, evaluation, found


def _read(settings: ImagesSettings, path: str) -> tuple[_Side, list[Finding]]:
    if not path and not settings.dataset:
        raise UserError("No pictures: give a zip, a Parquet file, a folder (on the command line) or a data set of the Hub.")  # fmt: skip
    images = read_images(Path(path)) if path else read_image_dataset(settings.dataset)
    images = images.as_channels(1 if settings.channels == "grey" else 3)
    pairs = split_pairs(images)
    if pairs is None:
        kept, found = check_images(images, SMALLEST)
        return _Side(kept, None), found
    noisy, clean, matched = pairs
    return _same_sizes(noisy, clean, matched)


def _same_sizes(noisy: ImageSet, clean: ImageSet, found: list[Finding]) -> tuple[_Side, list[Finding]]:
    """Pairs of which both can be read and are of one size."""
    good, broken, unlike = [], [], []
    for row in range(len(noisy)):
        try:
            sizes = {header(each.bytes(row), each.name(row))[:2] for each in (noisy, clean)}
        except UserError as error:
            broken.append(str(error))
            continue
        (good if len(sizes) == 1 and min(*sizes.pop()) >= SMALLEST else unlike).append(row)
    kept, more = check_images(noisy.select(good), SMALLEST)
    if broken:
        found = [*found, Finding("amber", f"{len(broken)} pairs cannot be read and are left out", " ".join(broken[:5]))]
    if unlike:
        names = ", ".join(noisy.name(row) for row in unlike[:5])
        found = [*found, Finding("amber", f"{len(unlike)} pairs are of two sizes, or too small, and are left out", names)]  # fmt: skip
    places = {name: row for row, name in enumerate(noisy.names[int(place)] for place in noisy.rows)}
    rows = [places[kept.name(row)] for row in range(len(kept))]
    partners, faults = check_images(clean.select(rows), SMALLEST) if rows else (clean.select([]), [])
    if len(partners) < len(kept):
        left = {partners.name(row) for row in range(len(partners))}
        rows = [row for row in rows if clean.name(row) in left]
        found = [*found, *(one for one in faults if one.level != "green")]
    return _Side(noisy.select(rows), clean.select(rows)), [*found, *more]


def _kind_found(settings: ImagesSettings, side: _Side) -> list[Finding]:
    """Whether data, noise and supervision fit."""
    if side.clean is None and settings.noise == "none" and settings.supervision == "clean":
        return [Finding("red", "There is nothing to learn: no noise, no pairs", "Choose a noise for clean pictures, noise2void for noisy ones, or put pairs into the folders noisy and clean.")]  # fmt: skip
    if side.clean is not None and settings.supervision != "clean":
        return [Finding("red", f"Pairs are learnt from with supervision clean, not {settings.supervision}", "For noise2noise put the second noisy picture of each scene into the folder clean.")]  # fmt: skip
    if side.clean is not None and settings.noise != "none":
        return [Finding("green", "The noise of the pairs is learnt; the setting noise is not used")]
    return []


def _pixels(images: ImageSet) -> list[int]:
    return [int(np.prod(header(images.bytes(row), images.name(row))[:2])) for row in range(len(images))]


def _decoded(images: ImageSet) -> Sequence[np.ndarray]:
    if sum(_pixels(images)) * max(1, images.channels) > MOST_DECODED:
        return images  # type: ignore[return-value] - indexed and measured alike
    return images.many(range(len(images)))
