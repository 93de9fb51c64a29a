"""Read, split and shrink the images of `compare` to small grey ones, with their labels. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from training.data.images.checks import check_images
from training.data.images.decode import to_channels
from training.data.images.image_set import ImageSet
from training.data.images.preview import preview
from training.data.images.read import read_image_dataset, read_images
from training.data.splits import split_rows
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.denoising_ae.compare.settings import CompareSettings

MIN_IMAGES = 40
MIN_LABELLED, MAX_CLASSES = 20, 200


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their split, and class numbers where there are labels.

    Args:
        images: Readable grey images; where there are labels, those that have one.
        classes: One number per image, or None.
        class_names: What the numbers stand for.
        train, evaluation: Rows of `images`.
    """

    images: ImageSet
    classes: np.ndarray | None
    class_names: tuple[str, ...]
    train: np.ndarray
    evaluation: np.ndarray
    sheet: Sheet

    def small(self, size: int) -> SmallImages:
        """All images decoded and resized."""
        return SmallImages(
            _small_images(self.images, self.train, size),
            _small_images(self.images, self.evaluation, size),
            None if self.classes is None else self.classes[self.train],
            None if self.classes is None else self.classes[self.evaluation],
        )


@dataclass(frozen=True, eq=False)
class SmallImages:
    """Images, (images, size, size) float32 in [0, 1], and their class numbers (None without labels)."""

    train: np.ndarray
    evaluation: np.ndarray
    train_classes: np.ndarray | None
    evaluation_classes: np.ndarray | None


def read(settings: CompareSettings) -> LabelledImages:
    """Read and split.

    Raises:
        UserError: If there are too few images that can be read.
    """
    images, findings = _read_file(settings)
    labelled, classes, names = _classes(images, settings.label_column)
    images = images.select(labelled)
    labels = None if classes is None else classes.tolist()
    split = split_rows(labels, len(images), eval_share=settings.eval_share, seed=settings.seed)
    rng = np.random.default_rng(settings.seed)
    limits = settings.train_images, settings.eval_images
    train, evaluation = (rng.permutation(rows)[:limit] for rows, limit in zip(split, limits, strict=True))
    title = f"{len(names)} classes in {settings.label_column!r}" if names else "No labels: no linear probe is evaluated"
    captions = [] if classes is None else [names[number] for number in classes]
    sheet = Sheet((*findings, Finding("green" if names else "amber", title)), sample=preview(images, captions))
    return LabelledImages(images, classes, names, train, evaluation, sheet)


def small_image(pixels: np.ndarray, size: int) -> np.ndarray:
    """The grey middle square of an image (height, width, channels) uint8, (size, size) float32 in [0, 1]."""
    grey = to_channels(pixels, 1)[..., 0]
    side = min(grey.shape)
    top, left = ((length - side) // 2 for length in grey.shape)
    square = Image.fromarray(np.ascontiguousarray(grey[top : top + side, left : left + side]))
    resampling = Image.Resampling.BOX if side > size else Image.Resampling.BICUBIC
    return np.asarray(square.resize((size, size), resampling), np.float32) / 255


def _small_images(images: ImageSet, rows: np.ndarray, size: int) -> np.ndarray:
    return np.stack([small_image(images[int(row)], size) for row in rows])


def _read_file(settings: CompareSettings) -> tuple[ImageSet, list[Finding]]:
    images = read_images(Path(settings.data)) if settings.data else read_image_dataset(settings.dataset)
    readable, findings = check_images(images.as_channels(1))
    if len(readable) < MIN_IMAGES:
        raise UserError(f"{len(readable)} images can be read; at least {MIN_IMAGES} are needed.")
    return readable, findings


def _classes(images: ImageSet, column: str) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Rows with a label, their class numbers and the classes' names; all rows where the labels are of no use."""
    unlabelled = np.arange(len(images)), None, ()
    if column not in images.columns:
        return unlabelled
    labels = images.column(column)
    names = tuple(sorted({label for label in labels if label}))
    rows = np.asarray([row for row, label in enumerate(labels) if label], np.int64)
    if not 2 <= len(names) <= MAX_CLASSES or len(rows) < MIN_LABELLED:
        return unlabelled
    return rows, np.asarray([names.index(str(labels[row])) for row in rows]), names
