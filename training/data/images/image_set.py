"""An ordered set of images, decoded on access, with columns of captions and labels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from training.data.images.decode import DecodedImage, decode, header, to_channels
from training.data.progress import report
from training.errors import UserError
from training.preflight.sheet import Finding

A = TypeVar("A")
DECODED_AT_ONCE = 32
QUEUED = 10_000  # calls of `map` that wait for a thread
COMPARING = "Looking for copies"
MIN_BYTES_FOR_THREADS = 8192  # of the first image's file: smaller ones are decoded faster by one thread


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their columns.

    Args:
        names: Of all images read: paths in the folder or archive, or names of rows.
        read: Index in `names` -> the file's bytes.
        rows: Indices in `names` of the images in this set, in order.
        columns: Captions, labels and the like, one text (or None) per name.
        several: Of columns that hold several captions per image, all of them, per name; `columns` has the first.
        source: The file, folder or data set, for messages.
        fingerprint: Of the source, if it is a file; else empty.
        notices: What was guessed while reading.
        channels: Of the arrays returned: 1 (grey), 3 (colour) or 0 (as in the file).
        background: Grey level that transparent parts show, 0 to 255.
        sizes: Height and width per name, (names, 2) int32, where they are known.
    """

    names: Sequence[str]
    read: Callable[[int], bytes]
    rows: np.ndarray
    columns: dict[str, list[str | None]] = field(default_factory=dict)
    several: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    source: str = ""
    fingerprint: str = ""
    notices: tuple[Finding, ...] = ()
    channels: int = 0
    background: int = 255
    sizes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> np.ndarray:
        """Decode one image, (height, width, channels) uint8, upright and without alpha.

        Raises:
            UserError: If it is damaged; the message names it.
        """
        pixels = self.decoded(row).flat(self.background)
        return to_channels(pixels, self.channels) if self.channels else pixels

    def decoded(self, row: int) -> DecodedImage:
        """Decode one image with its alpha and its full depth."""
        return decode(self.bytes(row), self.name(row))

    def bytes(self, row: int) -> bytes:
        """Read one image's file."""
        if not -len(self) <= row < len(self):
            raise IndexError(row)  # a loop over the set ends here
        return self.read(int(self.rows[row]))

    def name(self, row: int) -> str:
        return self.names[int(self.rows[row])]

    def column(self, name: str) -> list[str | None]:
        """Return a column, one value per image.

        Raises:
            UserError: If there is none of this name.
        """
        if name not in self.columns:
            have = ", ".join(self.columns) or "none"
            raise UserError(f"Column '{name}' is not beside the images of {self.source}; there are: {have}.")
        values = self.columns[name]
        return [values[int(row)] for row in self.rows]

    def pixels(self) -> int:
        """Pixels of all images together, by their headers where the sizes are not known."""
        if self.sizes is not None:
            return int(self.sizes[self.rows].astype(np.int64).prod(1).sum())
        return sum(int(np.prod(header(self.bytes(row), self.name(row))[:2])) for row in range(len(self)))

    def digests(self) -> np.ndarray:
        """Equal for images whose files are equal to the byte, int64 (images,): 8 bytes of their SHA-1."""
        digests = np.zeros(len(self), np.int64)
        for row in range(len(self)):
            report(COMPARING, row, len(self))
            digest = hashlib.sha1(self.bytes(row), usedforsecurity=False).digest()
            digests[row] = int.from_bytes(digest[:8], "little", signed=True)
        return digests

    def select(self, rows: Sequence[int] | np.ndarray) -> ImageSet:
        """Return the images of these rows; nothing is copied."""
        chosen = rows if isinstance(rows, np.ndarray) and len(rows) else np.asarray(rows, dtype=np.int64)
        return replace(self, rows=self.rows[chosen])

    def as_channels(self, channels: int) -> ImageSet:
        """Return the same images as grey (1), colour (3) or as they are (0)."""
        return replace(self, channels=channels)

    def many(self, rows: Sequence[int] | np.ndarray) -> list[np.ndarray]:
        """Decode several images, in threads where that is faster."""
        return self.map(self.__getitem__, rows)

    def in_order(self) -> Iterator[np.ndarray]:
        """Decode all images, of which some are in memory at a time."""
        for start in range(0, len(self), DECODED_AT_ONCE):
            yield from self.many(range(start, min(start + DECODED_AT_ONCE, len(self))))

    def map(self, function: Callable[[int], A], rows: Sequence[int] | np.ndarray) -> list[A]:
        """Call a function for each row, in order, in one thread per core: Pillow releases the GIL.

        One thread is faster for small images: 64 x 64 took 1.2 times as long on two, 180 x 180 half as long.
        """
        workers = min(len(rows), os.cpu_count() or 1)
        if workers < 2 or len(self.bytes(int(rows[0]))) < MIN_BYTES_FOR_THREADS:
            return [function(int(row)) for row in rows]
        made: list[A] = []
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, len(rows), QUEUED):  # a call that waits takes a kilobyte
                made += pool.map(function, map(int, rows[start : start + QUEUED]))
        return made
