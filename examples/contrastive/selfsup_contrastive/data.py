"""Images of one size and their labels, split for evaluation. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from selfsup_contrastive.settings import EncoderSettings
from training.data.images.checks import check_images
from training.data.images.read import read_image_dataset, read_images
from training.data.splits import split_rows
from training.preflight.sheet import Sheet


@dataclass(frozen=True, eq=False)
class ImageRows:
    """Pixels, (images, size, size, 3) uint8, labels where there are any, and which images are held out."""

    pixels: np.ndarray
    labels: list[str] | None
    train: np.ndarray
    held_out: np.ndarray
    sheet: Sheet


def read(settings: EncoderSettings) -> ImageRows:
    """Read and resize the images that the settings name.

    Raises:
        UserError: If they cannot be read.
    """
    found = read_images(Path(settings.data)) if settings.data else read_image_dataset(settings.dataset)
    images, findings = check_images(found.as_channels(3), smallest=8)
    size = (settings.image_size, settings.image_size)
    pixels = [np.asarray(Image.fromarray(image).resize(size)) for image in images.many(range(len(images)))]
    labels = [label or "" for label in images.column("label")] if "label" in images.columns else None
    train, held_out = split_rows(labels, len(images), eval_share=settings.eval_share, seed=settings.seed)
    stacked = np.stack(pixels) if pixels else np.zeros((0, *size, 3), np.uint8)
    return ImageRows(stacked, labels, train, held_out, Sheet(tuple(findings)))
