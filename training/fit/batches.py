"""Batches as a pure function of (seed, step), the same for any number of processes. Only a stream has a state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from training.data.array_files import shuffled_rows
from training.errors import UserError
from training.task import RowStream

if TYPE_CHECKING:
    from training.settings import TrainSettings
    from training.task import Task

MICRO_BATCH_COST_TOKENS = {
    "cpu": 64
}  # what a piece costs beside its tokens, in tokens: measured with 4 and 22 million parameters
ACCELERATOR_COST_TOKENS = 2048  # an accelerator takes as long for a small piece as for a large one


class BatchSampler:
    """An endless sequence: `batches[step]` are the row indexes of that optimiser step, (batch_size,).

    The stream of rows is one permutation of all rows after another. No batch is of rows of like length: short rows
    would have as much say in one step as long ones in another (WNUT-17, 150 steps: F1 0.36 in place of 0.41). See
    `pieces`.

    Raises:
        ValueError: If there are no rows.
    """

    def __init__(self, rows: int, batch_size: int, seed: int):
        if rows < 1:
            raise ValueError("There are no rows to make batches of.")
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self._epoch = lru_cache(maxsize=2)(self._permutation)  # a batch that crosses an end needs both

    def __getitem__(self, step: int) -> np.ndarray:
        start = step * self.batch_size
        end = start + self.batch_size
        epochs = range(start // self.rows, (end - 1) // self.rows + 1)
        firsts = [epoch * self.rows for epoch in epochs]
        parts = [
            self._epoch(epoch)[max(0, start - first) : end - first] for epoch, first in zip(epochs, firsts, strict=True)
        ]
        return np.concatenate(parts)

    def _permutation(self, epoch: int) -> np.ndarray:
        return shuffled_rows(self.rows, np.random.default_rng([self.seed, 0, epoch]))


def check_whole_batch(task: Task, settings: TrainSettings) -> None:
    """Refuse to cut the batch of a task whose loss compares its rows, such as a contrastive one.

    Raises:
        UserError: With what to do.
    """
    if not task.whole_batch:
        return
    if settings.batch_size % settings.processes:
        raise UserError(
            f"batch_size: {settings.batch_size} was given, but this loss compares the rows of a batch with each other: "
            f"each of the {settings.processes} processes needs as many rows. Give a multiple of {settings.processes}."
        )
    if settings.gradient_accumulation > 1:
        raise UserError(
            f"gradient_accumulation: {settings.gradient_accumulation} was given, but this loss compares the rows of a "
            "batch with each other, so that cutting the batch would change it. Set it to 1; lower batch_size to save "
            "memory."
        )


def padded_lengths(task: Task, rows: Sequence) -> np.ndarray | None:
    """Tokens of every row, for `micro_batches`; None where batches are not padded, or rows all of one size."""
    lengths = task.row_lengths(rows) if task.padded and not task.whole_batch else None
    return None if lengths is None else np.asarray(lengths)


class Place(NamedTuple):
    """Which of several processes computes, and where.

    Args:
        device: As torch names its kind.
        by_length: Whether rows of like length are computed together, in more pieces than `gradient_accumulation`.
    """

    rank: int
    processes: int
    device: str
    by_length: bool


class StepRows(Protocol):
    """The rows of each step that one process computes."""

    def pieces(self, step: int) -> Sequence[Sequence]:
        """What is computed one after the other; steps are asked for in order."""
        ...


class _Piece(Sequence):
    """Rows of a data set by their numbers, read when they are asked for."""

    def __init__(self, data: Sequence, numbers: np.ndarray):
        self.data, self.numbers = data, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Any:  # type: ignore[override]
        return self.data[int(self.numbers[index])]


class NumberedRows:
    """Rows of a data set that is there before the run, found by their numbers."""

    def __init__(self, data: Sequence, task: Task, settings: TrainSettings, place: Place):
        self.data, self.batches = data, BatchSampler(len(data), settings.batch_size, settings.seed)
        lengths = padded_lengths(task, data) if place.by_length else None
        self.cut = (place.rank, place.processes, settings.gradient_accumulation, lengths, place.device)

    def pieces(self, step: int) -> Sequence[Sequence]:
        return [_Piece(self.data, rows) for rows in micro_batches(self.batches[step], *self.cut)]


class StreamedRows:
    """Rows of a stream; a step takes the next ones."""

    def __init__(self, stream: RowStream, task: Task, settings: TrainSettings, place: Place):
        self.stream, self.task, self.place = stream, task, place
        self.size, self.accumulation = settings.batch_size, settings.gradient_accumulation
        stream.start(place.rank, place.processes)

    def pieces(self, step: int) -> Sequence[Sequence]:
        rows = self.stream.take(self.size)
        lengths = padded_lengths(self.task, rows) if self.place.by_length else None
        parts = micro_batches(np.arange(len(rows)), 0, 1, self.accumulation, lengths, self.place.device)
        return [[rows[int(number)] for number in part] for part in parts]


def step_rows(task: Task, settings: TrainSettings, place: Place) -> StepRows:
    """The rows of each step, of whatever kind the task's data are."""
    data = task.train_data
    if isinstance(data, RowStream):
        return StreamedRows(data, task, settings, place)
    return NumberedRows(data, task, settings, place)


def micro_batches(
    rows: np.ndarray,
    rank: int,
    processes: int,
    accumulation: int,
    lengths: np.ndarray | None = None,
    device: str = "cpu",
) -> list[np.ndarray]:
    """The parts of one batch that this process computes, one after the other; all ranks' parts together are the batch.

    Args:
        rows: Row indexes of the batch, (batch_size,).
        lengths: As `padded_lengths` gives them, where a piece is padded to its longest: rows of like length are then
            computed together, in more pieces than `accumulation` where that saves more padding than it costs.
        device: Where they are computed, as torch names its kind.
    """
    parts = np.array_split(rows, processes * accumulation)[rank::processes]
    if lengths is None:
        return parts
    share = np.concatenate(parts)
    share = share[np.argsort(lengths[share], kind="stable")]
    ends = _length_buckets(
        lengths[share], max(map(len, parts)), MICRO_BATCH_COST_TOKENS.get(device, ACCELERATOR_COST_TOKENS)
    )
    return np.split(share, ends[:-1])


def _length_buckets(lengths: np.ndarray, most: int, cost: int) -> list[int]:
    """Where to cut sorted rows, at most `most` a piece: the least sum of padded tokens and `cost` per piece."""
    least = np.zeros(len(lengths) + 1)  # cost of the rows before each end …
    begins = np.zeros(len(lengths) + 1, dtype=np.int64)  # … and where their last piece begins
    for end in range(1, len(lengths) + 1):
        starts = np.arange(max(0, end - most), end)
        totals = least[starts] + lengths[end - 1] * (end - starts) + cost
        begins[end], least[end] = starts[totals.argmin()], totals.min()
    ends = [len(lengths)]
    while begins[ends[-1]]:
        ends.append(int(begins[ends[-1]]))
    return ends[::-1]


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of all random numbers of one step, so that a resumed run draws what the unbroken one drew."""
    return int(np.random.SeedSequence([seed, 2, step, rank]).generate_state(1)[0])
