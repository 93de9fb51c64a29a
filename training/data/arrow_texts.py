"""Texts in one Arrow buffer, or in a file: a million names take 30 MB in place of 100 MB as Python strings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import eq
from typing import Any, overload

import numpy as np
import pyarrow as pa

from training.data.array_files import SpooledRows

ITERATED = 10_000  # that are Python strings at once
CODING = ("utf-8", "surrogatepass")  # names of files need not be valid UTF-8


class Texts(Sequence[str]):
    """Texts by their places, made into strings as they are asked for."""

    def __init__(self, values: Iterable[str]):
        data, kind = (text.encode(*CODING) for text in values), pa.large_binary()
        pieces = [pa.array([], kind)]  # `pa.array` makes a list of an iterator first
        while part := list(islice(data, ITERATED)):
            pieces.append(pa.array(part, kind))
        self._values = pa.concat_arrays(pieces)

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        cells: Any = self._values[index]
        return list(map(_text, cells.to_pylist())) if isinstance(index, slice) else _text(cells.as_py())

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), ITERATED):
            yield from map(_text, self._values.slice(start, ITERATED).to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment] - as a list

    def place(self, text: str) -> int:
        """Where a text stands among sorted ones.

        Raises:
            KeyError: If it is none of them.
        """
        place = bisect_left(self, text)
        if place == len(self) or self[place] != text:
            raise KeyError(text)
        return place


class SpooledTexts(Sequence[str]):
    """Texts by their places; many lie in a file without a name."""

    def __init__(self, texts: Iterable[str]):
        data, ends, end = SpooledRows(np.uint8), SpooledRows(np.int64), 0
        ends.append(np.zeros(1))
        for text in texts:
            encoded = text.encode(*CODING)
            end += len(encoded)
            data.append(np.frombuffer(encoded, np.uint8))
            ends.append(np.asarray([end]))
        self._data, self._ends = data.array(), ends.array()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:  # type: ignore[override] - one at a time
        if not 0 <= index < len(self):
            raise IndexError(index)
        return _text(self._data[self._ends[index] : self._ends[index + 1]].tobytes())


def _text(data: bytes) -> str:
    return data.decode(*CODING)


def shared(texts: Iterable[str | None], most: int = 10_000) -> list[str | None]:
    """The same texts, of which equal ones are one string, up to `most` of them."""
    known: dict[str, str] = {}
    return [
        text if text is None or (text not in known and len(known) >= most) else known.setdefault(text, text)
        for text in texts
    ]
