"""Lists of row numbers hold what numpy's own hold, also where they are in files."""

from pathlib import Path

import numpy as np
import pytest

from training.data.array_files import SpooledRows, joined, numbers_where, row_numbers, shuffled_rows
from training.data.splits import split_rows
from training.fit.batches import BatchSampler


@pytest.fixture(params=["in memory", "in files"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("training.data.array_files.PIECE", 7)
    if request.param == "in files":
        monkeypatch.setattr("training.data.array_files.LARGE_BYTES", 0)
    return request.param


def is_mapped(array: np.ndarray) -> bool:
    owner: object = array
    while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
        owner = owner.base
    return isinstance(owner, np.memmap)


def test_row_numbers_are_those_of_numpy(place: str) -> None:
    chosen = np.random.default_rng(1).random(50) < 0.4
    lists = {
        "numbers": (row_numbers(50), np.arange(50)),
        "shuffled": (shuffled_rows(50, np.random.default_rng(3)), np.random.default_rng(3).permutation(50)),
        "chosen": (numbers_where(chosen), np.flatnonzero(chosen)),
        "joined": (joined([np.arange(5), np.arange(9)]), np.concatenate([np.arange(5), np.arange(9)])),
    }
    for mine, expected in lists.values():
        assert mine.tolist() == expected.tolist() and is_mapped(mine) == (place == "in files")


def test_batches_and_splits_are_the_same_wherever_their_numbers_are(place: str) -> None:
    epochs = np.concatenate([np.random.default_rng([5, 0, epoch]).permutation(20) for epoch in range(4)])
    sampler = BatchSampler(20, 33, 5)  # each batch crosses an end
    assert np.concatenate([sampler[0], sampler[1]]).tolist() == epochs[:66].tolist()
    train, held_out = split_rows(None, 20, eval_share=0.3, seed=4)
    rng = np.random.default_rng(4)
    rng.permutation(1)
    assert held_out.tolist() == sorted(rng.permutation(20)[:6]) and sorted([*train, *held_out]) == list(range(20))


def test_rows_of_numbers_as_groups_are_split_like_those_of_texts(place: str) -> None:
    groups = np.random.default_rng(2).integers(-(2**62), 2**62, 30)[np.random.default_rng(3).integers(0, 30, 80)]
    numbers, texts = (
        split_rows(None, 80, eval_share=0.3, seed=1, groups=given) for given in (groups, [str(one) for one in groups])
    )
    assert [side.tolist() for side in numbers] == [side.tolist() for side in texts]


@pytest.mark.parametrize("shape", [(), (3,)])
def test_spooled_rows_are_all_rows_in_order(place: str, shape: tuple[int, ...]) -> None:
    pieces = [np.random.default_rng(n).integers(0, 100, (n + 1, *shape)).astype(np.int16) for n in range(4)]
    rows = SpooledRows(np.int16)
    for piece in pieces:
        rows.append(piece)
    array = rows.array()
    assert array.dtype == np.int16 and np.array_equal(array, np.concatenate(pieces))
    assert is_mapped(array) == (place == "in files")
