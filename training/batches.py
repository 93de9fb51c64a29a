"""Batches as a pure function of (seed, step): nothing to save, nothing to fast-forward, the same for any number of processes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

WINDOW = (
    50  # batches among which rows are sorted by length: enough to lose nearly all padding, few enough to stay random
)


class Batches:
    """An endless sequence: `batches[step]` are the row indexes of that optimiser step, (batch_size,).

    The stream of rows is one permutation of all rows after another. With `lengths`, each window of 50 batches is sorted
    by length, cut, and its batches shuffled, so that a batch holds rows of like length.

    Raises:
        ValueError: If there are no rows, or `lengths` has another number of entries.
    """

    def __init__(self, rows: int, batch_size: int, seed: int, lengths: Sequence[int] | None = None):
        if rows < 1:
            raise ValueError("There are no rows to make batches of.")
        if lengths is not None and len(lengths) != rows:
            raise ValueError(f"{len(lengths)} lengths for {rows} rows.")
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.lengths = None if lengths is None else np.asarray(lengths)
        self._epoch = lru_cache(maxsize=4)(self._permutation)
        self._window = lru_cache(maxsize=2)(self._sorted_window)

    def __getitem__(self, step: int) -> np.ndarray:
        if self.lengths is None:
            return self._stream(step * self.batch_size, self.batch_size)
        return self._window(step // WINDOW)[step % WINDOW]

    def _stream(self, start: int, count: int) -> np.ndarray:
        epochs = range(start // self.rows, (start + count - 1) // self.rows + 1)
        rows = np.concatenate([self._epoch(epoch) for epoch in epochs])
        first = start - epochs[0] * self.rows
        return rows[first : first + count]

    def _permutation(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, 0, epoch]).permutation(self.rows)

    def _sorted_window(self, window: int) -> np.ndarray:
        assert self.lengths is not None
        size = WINDOW * self.batch_size
        rows = self._stream(window * size, size)
        rows = rows[np.argsort(self.lengths[rows], kind="stable")].reshape(WINDOW, self.batch_size)
        return rows[np.random.default_rng([self.seed, 1, window]).permutation(WINDOW)]


def pieces(rows: np.ndarray, rank: int, processes: int, accumulation: int) -> list[np.ndarray]:
    """The parts of one batch that this process computes, one after the other; all ranks' parts together are the batch."""
    return np.array_split(rows, processes * accumulation)[rank::processes]


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of all random numbers of one step, so that a resumed run draws what the unbroken one drew."""
    return int(np.random.SeedSequence([seed, 2, step, rank]).generate_state(1)[0])
