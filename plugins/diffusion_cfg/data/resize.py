"""Pictures brought to one size, as arrays, decoded once where they fit the memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.data.images.image_set import ImageSet

MOST_BYTES = 2 * 2**30  # of pixels that are kept; of more, each picture is decoded when it is asked for
TOGETHER = 256


class Sized(Sequence):
    """Pictures of one size, (size, size, channels) uint8 each.

    Args:
        fit: crop (the shorter side fills the square, the middle is kept) or pad (the whole picture is seen, and is never made
            larger; what is missing gets the colour of the corners).
    """

    def __init__(self, images: ImageSet, size: int, fit: str):
        self.images, self.size, self.fit = images, size, fit
        self.channels = images.channels
        small = len(images) * size * size * self.channels <= MOST_BYTES
        self.kept = np.stack([self._make(row) for row in range(len(images))]) if small and len(images) else None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override] - one picture at a time
        return self._make(row) if self.kept is None else self.kept[row]

    def _make(self, row: int) -> np.ndarray:
        return fitted(self.images[row], self.size, self.fit)


def fitted(pixels: np.ndarray, size: int, fit: str) -> np.ndarray:
    """A picture, (height, width, channels) uint8, as a square of `size`; see `Sized`."""
    height, width, channels = pixels.shape
    if (height, width) == (size, size):
        return pixels
    scale = size / min(height, width) if fit == "crop" else min(1.0, size / max(height, width))
    pixels = _scaled(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    if fit == "crop":
        top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
        return np.ascontiguousarray(pixels[top : top + size, left : left + size])
    corners = np.stack([pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1]])
    square = np.empty((size, size, channels), np.uint8)
    square[:] = np.median(corners, axis=0).astype(np.uint8)
    top, left = (size - pixels.shape[0]) // 2, (size - pixels.shape[1]) // 2
    square[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return square


def _scaled(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS)).reshape(height, width, -1)


def to_tensor(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures as (batch, channels, height, width) float32 in [-1, 1]."""
    return np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def to_pixels(tensor: np.ndarray) -> np.ndarray:
    """The other way round, (batch, height, width, channels) uint8; what lies outside [-1, 1] is cut."""
    return np.rint((tensor.transpose(0, 2, 3, 1) + 1).clip(0, 2) * 127.5).astype(np.uint8)
