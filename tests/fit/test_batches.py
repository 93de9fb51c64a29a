"""The laws of the batches: a pure function of (seed, step), every row once an epoch, the same however it is cut up."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fit.batches import MICRO_BATCH_COST_TOKENS, BatchSampler, micro_batches, step_seed

rows = st.integers(1, 60)
sizes = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)
steps = st.integers(0, 150)


@given(rows, sizes, seeds)
def test_every_row_comes_once_an_epoch(count: int, size: int, seed: int) -> None:
    batches = BatchSampler(count, size, seed)
    stream = np.concatenate([batches[step] for step in range(-(-2 * count // size))])
    assert sorted(stream[:count]) == sorted(stream[count : 2 * count]) == list(range(count))


@given(rows, sizes, seeds, steps, st.lists(steps, max_size=5))
def test_a_batch_does_not_depend_on_what_was_asked_before(
    count: int, size: int, seed: int, step: int, history: list[int]
) -> None:
    fresh, used = BatchSampler(count, size, seed), BatchSampler(count, size, seed)
    for other in history:
        _ = used[other]
    assert fresh[step].tolist() == used[step].tolist()


@given(sizes, st.integers(1, 4), st.integers(1, 4))
def test_the_pieces_of_all_ranks_are_the_batch(size: int, processes: int, accumulation: int) -> None:
    batch = np.arange(size)
    parts = [part for rank in range(processes) for part in micro_batches(batch, rank, processes, accumulation)]
    assert len(parts) == processes * accumulation
    assert sorted(np.concatenate(parts)) == batch.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(1, 3), st.integers(1, 3))
def test_pieces_by_length_are_the_batch_too_and_no_larger(
    lengths: list[int], processes: int, accumulation: int
) -> None:
    batch, of_all = np.arange(len(lengths))[::-1], np.asarray(lengths)
    for rank in range(processes):
        plain = micro_batches(batch, rank, processes, accumulation)
        parts = micro_batches(batch, rank, processes, accumulation, of_all)
        assert sorted(np.concatenate(parts)) == sorted(np.concatenate(plain))
        assert max(map(len, parts)) <= max(map(len, plain))


@given(st.lists(st.integers(1, 200), min_size=1, max_size=12))
def test_pieces_by_length_cost_least_of_all_cuts(lengths: list[int]) -> None:
    def cost(parts: Iterable[np.ndarray]) -> int:
        return sum(int(max(part)) * len(part) + MICRO_BATCH_COST_TOKENS["cpu"] for part in parts)

    ordered = np.sort(lengths)
    found = [ordered[part] for part in micro_batches(np.arange(len(ordered)), 0, 1, 1, ordered)]
    places = range(1, len(ordered))
    every = (cut for count in range(len(ordered)) for cut in combinations(places, count))
    assert cost(found) == min(cost(np.split(ordered, cut)) for cut in every)


def test_pieces_by_length_save_half_of_the_padding_or_more() -> None:
    lengths = np.random.default_rng(0).integers(1, 128, 32)
    parts = micro_batches(np.arange(32), 0, 1, 1, lengths)
    padding = sum(int((lengths[part].max() - lengths[part]).sum()) for part in parts)
    assert padding < 0.5 * (lengths.max() - lengths).sum() and len(parts) > 2
    assert len(micro_batches(np.arange(32), 0, 1, 1, lengths, "cuda")) == 1
    assert len(micro_batches(np.arange(32), 0, 1, 1, np.full(32, 128))) == 1


def test_steps_ranks_and_seeds_draw_different_numbers() -> None:
    drawn = {step_seed(seed, step, rank) for seed in range(5) for step in range(20) for rank in range(4)}
    assert len(drawn) == 400


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        BatchSampler(0, 4, 0)


def test_rows_are_numbered_in_few_bytes_and_the_batches_are_the_same() -> None:
    batches = BatchSampler(1000, 64, seed=3)
    assert batches[2].tolist() == np.random.default_rng([3, 0, 0]).permutation(1000)[128:192].tolist()
    assert batches[2].dtype == np.int32
