"""Laws of the split: what is held out is held out, class by class, and no text is on both sides."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.files import write
from training.data.splits import split_column, split_rows
from training.data.table import read_table

LABELS = st.lists(st.sampled_from(["a", "b", "c", None, 1]), max_size=60)
SHARES = st.floats(0, 0.95)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def labels_and_groups(draw: st.DrawFn) -> tuple[list, list[int]]:
    labels = draw(LABELS)
    return labels, draw(st.lists(st.integers(0, 20), min_size=len(labels), max_size=len(labels)))


@given(labels_and_groups(), SHARES, SEEDS)
def test_sides_are_disjoint_and_complete(rows: tuple[list, list[int]], share: float, seed: int) -> None:
    labels, groups = rows
    train, held_out = split_rows(labels, len(labels), eval_share=share, seed=seed, groups=groups)
    assert sorted([*train, *held_out]) == list(range(len(labels)))


@given(labels_and_groups(), SHARES, SEEDS)
def test_a_group_is_never_on_both_sides(rows: tuple[list, list[int]], share: float, seed: int) -> None:
    labels, groups = rows
    train, held_out = split_rows(labels, len(labels), eval_share=share, seed=seed, groups=groups)
    assert not {groups[row] for row in train} & {groups[row] for row in held_out}


@given(LABELS, SHARES, SEEDS)
def test_each_class_is_within_one_row_of_its_share(labels: list, share: float, seed: int) -> None:
    _, held_out = split_rows(labels, len(labels), eval_share=share, seed=seed)
    held = Counter(labels[row] for row in held_out)
    assert all(abs(held[label] - share * count) <= 1 for label, count in Counter(labels).items())


@given(LABELS, SHARES, SEEDS)
def test_every_class_is_trained_on(labels: list, share: float, seed: int) -> None:
    train, _ = split_rows(labels, len(labels), eval_share=share, seed=seed)
    assert {labels[row] for row in train} == set(labels)


@given(labels_and_groups(), SHARES, SEEDS)
def test_same_seed_gives_the_same_split(rows: tuple[list, list[int]], share: float, seed: int) -> None:
    labels, groups = rows
    first, again = (split_rows(labels, len(labels), eval_share=share, seed=seed, groups=groups) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_another_seed_gives_another_split() -> None:
    one, other = (split_rows(None, 1000, eval_share=0.1, seed=seed)[1] for seed in (0, 1))
    assert len(one) == len(other) == 100
    assert not np.array_equal(one, other)


def test_many_small_classes_still_fill_the_evaluation_share() -> None:
    labels = [row // 3 for row in range(300)]  # a tenth of three rows rounds to none, class by class
    assert len(split_rows(labels, 300, eval_share=0.1, seed=0)[1]) == 30


def test_class_of_one_row_is_trained_on() -> None:
    assert split_rows(["a", "b"], 2, eval_share=0.5, seed=0)[1].tolist() == []


def test_groups_fill_the_share_when_texts_repeat() -> None:
    groups = [row // 2 for row in range(200)]
    assert len(split_rows(None, 200, eval_share=0.2, seed=0, groups=groups)[1]) == 40


@pytest.mark.parametrize(("labels", "share"), [(["a"], 0.1), (None, 1.0), (None, -0.1)])
def test_wrong_lengths_and_shares_are_refused(labels: list | None, share: float) -> None:
    with pytest.raises(ValueError, match=r"expected|entry for each"):
        split_rows(labels, 2, eval_share=share, seed=0)


@pytest.mark.parametrize(
    ("cells", "told"), [("train test", 1), ("Train Validation", 1), ("train train", 0), ("a test", 0)]
)
def test_a_column_of_splits_is_told(cells: str, told: int, tmp_path: Path) -> None:
    first, second = cells.split()
    table = read_table(write(tmp_path / "a.csv", f"text,Split\none,{first}\ntwo,{second}\n"))
    findings = split_column(table)
    assert [one.level for one in findings] == ["amber"] * told
    assert all(one.title.startswith("Column 'Split' says which rows are for evaluation") for one in findings)


@given(st.lists(st.integers(0, 20), max_size=60), SHARES, SEEDS)
def test_without_labels_the_split_is_that_of_one_class(groups: list[int], share: float, seed: int) -> None:
    """Rows without labels take a shorter way, for tables of many millions."""
    for given_groups in (groups, None):
        settings = {"eval_share": share, "seed": seed, "groups": given_groups}
        short, long = (split_rows(labels, len(groups), **settings) for labels in (None, ["a"] * len(groups)))
        assert all(np.array_equal(one, other) for one, other in zip(short, long, strict=True))
