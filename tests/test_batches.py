"""The laws of the batches: a pure function of (seed, step), every row once an epoch, the same however it is cut up."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.batches import WINDOW, Batches, pieces, step_seed

rows = st.integers(1, 60)
sizes = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)
steps = st.integers(0, 3 * WINDOW)


def lengths_of(count: int) -> list[int]:
    return [(7 * row) % 13 + 1 for row in range(count)]


@given(rows, sizes, seeds)
def test_every_row_comes_once_an_epoch(count: int, size: int, seed: int) -> None:
    batches = Batches(count, size, seed)
    stream = np.concatenate([batches[step] for step in range(-(-2 * count // size))])
    assert sorted(stream[:count]) == sorted(stream[count : 2 * count]) == list(range(count))


@given(rows, sizes, seeds, st.integers(0, 2))
def test_sorting_by_length_keeps_the_rows_of_each_window(count: int, size: int, seed: int, window: int) -> None:
    plain, by_length = Batches(count, size, seed), Batches(count, size, seed, lengths_of(count))
    window_steps = range(window * WINDOW, (window + 1) * WINDOW)
    streams = [Counter(int(row) for step in window_steps for row in each[step]) for each in (plain, by_length)]
    assert streams[0] == streams[1]


def test_sorting_by_length_loses_nearly_all_padding() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 2000)
    plain, by_length = Batches(2000, 32, 0), Batches(2000, 32, 0, list(lengths))
    padding = [sum((lengths[b[s]].max() - lengths[b[s]]).sum() for s in range(WINDOW)) for b in (plain, by_length)]
    assert padding[1] < 0.1 * padding[0]


@given(rows, sizes, seeds, steps, st.booleans(), st.lists(steps, max_size=5))
def test_a_batch_does_not_depend_on_what_was_asked_before(
    count: int, size: int, seed: int, step: int, sort: bool, history: list[int]
) -> None:
    lengths = lengths_of(count) if sort else None
    fresh, used = Batches(count, size, seed, lengths), Batches(count, size, seed, lengths)
    for other in history:
        _ = used[other]
    assert fresh[step].tolist() == used[step].tolist()


@given(sizes, st.integers(1, 4), st.integers(1, 4))
def test_the_pieces_of_all_ranks_are_the_batch(size: int, processes: int, accumulation: int) -> None:
    batch = np.arange(size)
    parts = [part for rank in range(processes) for part in pieces(batch, rank, processes, accumulation)]
    assert len(parts) == processes * accumulation
    assert sorted(np.concatenate(parts)) == batch.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_steps_ranks_and_seeds_draw_different_numbers() -> None:
    drawn = {step_seed(seed, step, rank) for seed in range(5) for step in range(20) for rank in range(4)}
    assert len(drawn) == 400


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        Batches(0, 4, 0)


def test_lengths_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="2 lengths for 3 rows"):
        Batches(3, 4, 0, [1, 2])
