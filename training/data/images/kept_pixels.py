"""Decoded images in a file without a name: read as fast as from memory, of which they take none."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Sequence

import numpy as np

from training.data.progress import report
from training.home import home

MAX_SHARE_OF_DISK = 0.25  # of what is free
READING = "Decoding the images"


class KeptPixels(Sequence[np.ndarray]):
    """Images, (height, width, channels) uint8 each, by their numbers.

    The file has no name, so that the system deletes it when the process ends, however that happens.

    Args:
        images: They are asked for once, in order.

    Raises:
        OSError: The disk is full.
    """

    def __init__(self, images: Iterable[np.ndarray], count: int):
        home().mkdir(parents=True, exist_ok=True)
        self.shapes = np.zeros((count, 3), np.int32)
        with tempfile.TemporaryFile(dir=home()) as file:
            for row, pixels in enumerate(images):
                self.shapes[row] = pixels.shape
                file.write(np.ascontiguousarray(pixels).data)
                report(READING, row, count)
            file.flush()
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        self._ends = np.prod(self.shapes, axis=1, dtype=np.int64).cumsum()

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, row: int) -> np.ndarray:  # type: ignore[override] - one image at a time
        if not 0 <= row < len(self):
            raise IndexError(row)
        shape = self.shapes[row]
        size = int(shape.astype(np.int64).prod())
        data = os.pread(self._file, size, int(self._ends[row]) - size)
        return np.frombuffer(data, np.uint8).reshape(shape)


def fits_on_disk(size_bytes: int) -> bool:
    """Whether decoded images of so many bytes may be kept."""
    folder = next(folder for folder in (home(), *home().parents) if folder.is_dir())
    return size_bytes <= shutil.disk_usage(folder).free * MAX_SHARE_OF_DISK
