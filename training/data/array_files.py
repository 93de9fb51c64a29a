"""Arrays larger than memory: appended to a file piece by piece, and mapped for reading."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from training.home import home

PIECE = 2_000_000  # numbers of a mapped array that a computation takes at once
LARGE_BYTES = 16 * 2**20


class ArrayWriter:
    """Appends numbers of one type to the file `NAME.DTYPE` of a folder."""

    def __init__(self, folder: Path, name: str, dtype: np.dtype | type):
        self.dtype = np.dtype(dtype)
        self.file = (folder / f"{name}.{self.dtype.name}").open("wb")

    def append(self, values: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(values, dtype=self.dtype).data)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.file.close()


def map_array(folder: Path, name: str) -> np.ndarray:
    """Map what an `ArrayWriter` wrote, read-only, (numbers,).

    Raises:
        OSError, ValueError: If there is no such file.
    """
    [path] = folder.glob(f"{name}.*")
    dtype = np.dtype(path.suffix[1:])
    return np.asarray(np.memmap(path, dtype, "r")) if path.stat().st_size else np.zeros(0, dtype)


def in_pieces(values: np.ndarray) -> Iterator[np.ndarray]:
    """Views of a mapped array, for computations that need memory for as many numbers as they are given."""
    yield from (values[start : start + PIECE] for start in range(0, len(values), PIECE))


def count_ids(ids: np.ndarray, size: int) -> np.ndarray:
    """How often each id occurs, for `size` ids or as many as there are; negative ones are not counted."""
    counts = np.zeros(size, dtype=np.int64)
    for piece in in_pieces(ids):
        found = np.bincount(piece[piece >= 0], minlength=len(counts))
        found[: len(counts)] += counts
        counts = found
    return counts


def smallest_ids(vocabulary: int) -> np.dtype:
    """The smallest type that holds token ids below `vocabulary`."""
    return np.dtype(np.uint16 if vocabulary <= 2**16 else np.int32)


def row_numbers(rows: int) -> np.ndarray:
    """0, 1, … of so many rows, as `unnamed_array`, in the smallest type that holds them, so that lists may be long."""
    numbers = unnamed_array((rows,), number_type(rows))
    for start in range(0, rows, PIECE):
        numbers[start : start + PIECE] = np.arange(start, min(start + PIECE, rows), dtype=numbers.dtype)
    return numbers


def numbers_where(chosen: np.ndarray) -> np.ndarray:
    """The numbers of the rows that are chosen, in order and as `row_numbers` gives them.

    Args:
        chosen: bool, (rows,).
    """
    numbers, done = unnamed_array((int(np.count_nonzero(chosen)),), number_type(len(chosen))), 0
    for start in range(0, len(chosen), PIECE):
        found = np.flatnonzero(chosen[start : start + PIECE])
        numbers[done : done + len(found)] = found + start
        done += len(found)
    return numbers


def shuffled_rows(rows: int, generator: np.random.Generator) -> np.ndarray:
    """`generator.permutation(rows)` as `row_numbers` gives them."""
    numbers = row_numbers(rows)
    generator.shuffle(numbers)
    return numbers


def number_type(rows: int) -> np.dtype:
    """The smallest type that holds the numbers of so many rows."""
    return np.dtype(np.int32 if rows < 2**31 else np.int64)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of one type end to end, as `unnamed_array`."""
    whole, done = unnamed_array((sum(map(len, parts)),), parts[0].dtype), 0
    for part in parts:
        whole[done : done + len(part)] = part
        done += len(part)
    return whole


class SpooledRows:
    """Rows of one type, appended piece by piece to an array; a large one is mapped from a file without a name."""

    def __init__(self, dtype: np.dtype | type):
        home().mkdir(parents=True, exist_ok=True)
        self._file = tempfile.SpooledTemporaryFile(LARGE_BYTES, dir=str(home()))  # noqa: SIM115
        weakref.finalize(self, self._file.close)  # also where what fills it fails
        self._like = np.zeros(0, dtype)

    def append(self, rows: np.ndarray) -> None:
        rows = np.ascontiguousarray(rows, self._like.dtype)
        self._like = rows[:0]
        self._file.write(rows.tobytes())

    def array(self) -> np.ndarray:
        """All rows, read-only; asked for once."""
        with self._file as file:
            size, kind, shape = file.tell(), self._like.dtype, (-1, *self._like.shape[1:])
            if size > LARGE_BYTES:
                return np.asarray(np.memmap(file, kind, "r")).reshape(shape)  # type: ignore[arg-type] - it has what is asked
            file.seek(0)
            return np.frombuffer(file.read(), kind).reshape(shape)


def unnamed_array(shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """An array of zeros; a large one is mapped from a file without a name, which ends with the process.

    It is in memory where the disk has no room for it.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if size >= LARGE_BYTES:
        home().mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=home()) as file:
            os.posix_fallocate(file.fileno(), 0, size)  # or a full disk would end the process as it writes
            return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
    return np.zeros(shape, dtype)
