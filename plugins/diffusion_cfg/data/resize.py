"""Images resized to squares of one size: cropped or padded, kept in a file while they fit."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from training.data.images.image_set import ImageSet
from training.data.images.kept_pixels import KeptPixels, fits_on_disk

MAX_CACHED_BYTES = 64 * 2**20  # pixels in memory; those of a larger set are kept in a file


class ResizedImages(Sequence):
    """Images of one size, (size, size, channels) uint8 each.

    Args:
        mode: crop (the shorter side fills the square, the centre is kept) or pad (the whole image is kept and never
            enlarged; the rest of the square gets the median colour of the corners).
        keep: Whether they are resized once, for those who ask for them again and again.
    """

    def __init__(self, images: ImageSet, size: int, mode: str, keep: bool = True):
        self.images, self.size, self.mode = images, size, mode
        self.channels = images.channels
        self.cache = self._kept() if keep and len(images) else None

    def _kept(self) -> Sequence[np.ndarray] | None:
        """All of them; None where the disk has no room, so that each is decoded when it is asked for."""
        size = len(self.images) * self.size * self.size * max(1, self.channels)
        resized = (self._resize(row) for row in range(len(self.images)))
        if size <= MAX_CACHED_BYTES:
            return list(resized)
        if fits_on_disk(size):
            with contextlib.suppress(OSError):  # another process may have filled it meanwhile
                return KeptPixels(resized, len(self.images))
        return None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override] - one image at a time
        return self._resize(row) if self.cache is None else self.cache[row]

    def _resize(self, row: int) -> np.ndarray:
        return resize_to_square(self.images[row], self.size, self.mode)


def resize_to_square(pixels: np.ndarray, size: int, mode: str) -> np.ndarray:
    """An image, (height, width, channels) uint8, as a square of `size` pixels; for `mode` see `ResizedImages`."""
    height, width, _ = pixels.shape
    if (height, width) == (size, size):
        return pixels
    scale = size / min(height, width) if mode == "crop" else min(1.0, size / max(height, width))
    pixels = _scale(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    return _crop_centre(pixels, size) if mode == "crop" else _pad(pixels, size)


def _crop_centre(pixels: np.ndarray, size: int) -> np.ndarray:
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return np.ascontiguousarray(pixels[top : top + size, left : left + size])


def _pad(pixels: np.ndarray, size: int) -> np.ndarray:
    corners = np.stack([pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1]])
    square = np.empty((size, size, pixels.shape[2]), np.uint8)
    square[:] = np.median(corners, axis=0).astype(np.uint8)
    top, left = (size - pixels.shape[0]) // 2, (size - pixels.shape[1]) // 2
    square[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return square


def _scale(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS)).reshape(height, width, -1)


def to_float_batch(images: Sequence[np.ndarray]) -> np.ndarray:
    """uint8 images as one batch, (batch, channels, height, width) float32 in [-1, 1]."""
    return np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
