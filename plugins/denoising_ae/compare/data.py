"""Small grey pictures with their labels, for two autoencoders to learn from and to be measured with. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.data.images.checks import check_images
from training.data.images.image_set import ImageSet
from training.data.images.read import read_image_dataset, read_images
from training.data.splits import split_rows
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.denoising_ae.settings import CompareSettings

FEWEST = 40
FEWEST_LABELLED, MOST_CLASSES = 20, 200


@dataclass(frozen=True, eq=False)
class SmallPictures:
    """Pictures (pictures, size, size) float32 in [0, 1], and their classes as numbers (None where there are no labels)."""

    train: np.ndarray
    evaluation: np.ndarray
    train_classes: np.ndarray | None
    evaluation_classes: np.ndarray | None
    class_names: tuple[str, ...]
    findings: tuple[Finding, ...]


def check(settings: CompareSettings) -> Sheet:
    """The preflight sheet; what cannot be read at all is a red row, not an error."""
    try:
        images, found = _read(settings)
        _, _, names = _classes(images, settings)
    except UserError as error:
        return Sheet((Finding("red", "The pictures cannot be used", str(error)),))
    said = f"{len(names)} classes in {settings.label_column!r}" if names else "No labels: no probe is measured"
    return Sheet((*found, Finding("green" if names else "amber", said)))


def prepare(settings: CompareSettings) -> SmallPictures:
    """Read, split, make small.

    Raises:
        UserError: If there are too few that can be read.
    """
    images, found = _read(settings)
    kept, classes, names = _classes(images, settings)
    images = images.select(kept)
    share = min(settings.eval_share, 0.5)
    labels = None if classes is None else classes.tolist()
    rows, held_out = split_rows(labels, len(images), eval_share=share, seed=settings.seed)
    random = np.random.default_rng(settings.seed)
    rows, held_out = (
        random.permutation(part)[:most]
        for part, most in ((rows, settings.training_pictures), (held_out, settings.eval_images))
    )
    pixels = [np.stack([small(images[int(row)], settings.picture_size) for row in part]) for part in (rows, held_out)]
    of = [None, None] if classes is None else [classes[rows], classes[held_out]]
    return SmallPictures(pixels[0], pixels[1], of[0], of[1], names, tuple(found))


def small(pixels: np.ndarray, size: int) -> np.ndarray:
    """The grey middle square of a picture (height, width, channels) uint8, (size, size) float32 in [0, 1]."""
    from PIL import Image

    from training.data.images.decode import to_channels

    grey = to_channels(pixels, 1)[..., 0]
    side = min(grey.shape)
    top, left = ((each - side) // 2 for each in grey.shape)
    square = Image.fromarray(np.ascontiguousarray(grey[top : top + side, left : left + side]))
    return np.asarray(square.resize((size, size), Image.Resampling.BOX if side > size else Image.Resampling.BICUBIC), np.float32) / 255  # fmt: skip


def _read(settings: CompareSettings) -> tuple[ImageSet, list[Finding]]:
    if not settings.data and not settings.dataset:
        raise UserError("No pictures: give a zip, a Parquet file, a folder (on the command line) or a data set of the Hub.")  # fmt: skip
    images = read_images(Path(settings.data)) if settings.data else read_image_dataset(settings.dataset)
    kept, found = check_images(images.as_channels(1))
    if len(kept) < FEWEST:
        raise UserError(f"{len(kept)} pictures can be read; at least {FEWEST} are needed.")
    return kept, found


def _classes(images: ImageSet, settings: CompareSettings) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Rows that are kept (those with a label, where there are labels), their classes, the classes' names."""
    if settings.label_column not in images.columns:
        return np.arange(len(images)), None, ()
    labels = images.column(settings.label_column)
    names = tuple(sorted({label for label in labels if label}))
    kept = np.asarray([row for row, label in enumerate(labels) if label], np.int64)
    if not 2 <= len(names) <= MOST_CLASSES or len(kept) < FEWEST_LABELLED:
        return np.arange(len(images)), None, ()
    return kept, np.asarray([names.index(str(labels[row])) for row in kept]), names
