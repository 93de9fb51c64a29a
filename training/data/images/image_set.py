"""Pictures in order, decoded when asked for, with the columns that stand beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from training.data.images.decode import Picture, decode, to_channels
from training.errors import UserError
from training.preflight.sheet import Finding

A = TypeVar("A")
WORTH_BYTES = 8192  # of the first picture's file: from here on threads gain more than they cost


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures and what is known of each.

    Args:
        names: What each is called: its path in the folder or archive, or the row's own name.
        read: Place in `names` at the time of reading -> the file's bytes.
        rows: The places that this set holds, in order.
        columns: Captions, labels and the like, one text (or None) a place.
        source: The file, folder or data set they came from, for messages.
        fingerprint: Of the source, where it is a file; else empty.
        notices: What was guessed while reading.
        channels: 1 (grey), 3 (colour) or 0 (as each is) for the arrays handed out.
        background: Grey level that transparent parts show, 0 to 255.
    """

    names: tuple[str, ...]
    read: Callable[[int], bytes]
    rows: np.ndarray
    columns: dict[str, list[str | None]] = field(default_factory=dict)
    source: str = ""
    fingerprint: str = ""
    notices: tuple[Finding, ...] = ()
    channels: int = 0
    background: int = 255

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> np.ndarray:
        """One picture, (height, width, channels) uint8, upright and without alpha.

        Raises:
            UserError: If it is damaged; the message names it.
        """
        pixels = self.picture(row).flat(self.background)
        return to_channels(pixels, self.channels) if self.channels else pixels

    def picture(self, row: int) -> Picture:
        """One picture with its alpha and its full depth."""
        return decode(self.bytes(row), self.name(row))

    def bytes(self, row: int) -> bytes:
        """One picture's file."""
        if not -len(self) <= row < len(self):
            raise IndexError(row)  # a loop over the set ends here
        return self.read(int(self.rows[row]))

    def name(self, row: int) -> str:
        return self.names[int(self.rows[row])]

    def column(self, name: str) -> list[str | None]:
        """What a column says of each picture.

        Raises:
            UserError: If there is none of this name.
        """
        if name not in self.columns:
            have = ", ".join(self.columns) or "none"
            raise UserError(f"Column '{name}' is not beside the pictures of {self.source}; there are: {have}.")
        values = self.columns[name]
        return [values[int(row)] for row in self.rows]

    def select(self, rows: Sequence[int] | np.ndarray) -> ImageSet:
        """These pictures, by place in this set; nothing is copied."""
        return replace(self, rows=self.rows[np.asarray(rows, dtype=np.int64)])

    def as_channels(self, channels: int) -> ImageSet:
        """The same pictures, handed out as grey (1), colour (3) or as they are (0)."""
        return replace(self, channels=channels)

    def many(self, rows: Sequence[int] | np.ndarray) -> list[np.ndarray]:
        """Several pictures, decoded side by side where that pays."""
        return self.each(self.__getitem__, rows)

    def each(self, work: Callable[[int], A], rows: Sequence[int] | np.ndarray) -> list[A]:
        """Do something for each picture, in order, by as many threads as there are cores: Pillow lets go of the interpreter.

        Of small pictures one thread is quicker: 64 x 64 took 1.2 times as long on two, 180 x 180 half as long.
        """
        places = [int(row) for row in rows]
        workers = min(len(places), os.cpu_count() or 1)
        if workers < 2 or len(self.bytes(places[0])) < WORTH_BYTES:
            return [work(place) for place in places]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(work, places))
