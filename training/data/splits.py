"""Split rows for training and evaluation: stratified, grouped, deterministic by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from training.data.array_files import numbers_where, shuffled_rows
from training.data.column_names import plain_name
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from training.data.table import Table

SPLIT_NAMES = ("split", "subset", "partition", "set", "fold")
SPLIT_VALUES = {"train", "training", "test", "testing", "eval", "evaluation", "dev", "val", "valid", "validation"}


def split_column(table: Table) -> list[Finding]:
    """Report a column that says which rows are to train on and which to evaluate on: it is not followed."""
    findings = []
    for name in table.names:
        values = table.columns[name]
        if plain_name(name) not in SPLIT_NAMES or not pa.types.is_string(values.type):
            continue
        held = {str(value).strip().casefold() for value in values.drop_null().unique().to_pylist()}
        if len(held) > 1 and held <= SPLIT_VALUES:
            title = f"Column {name!r} says which rows are for evaluation, and is not followed"
            detail = (
                "Give those rows as a file of their own to evaluate on (eval_data), and leave them out of this one."
            )
            findings.append(Finding("amber", title, detail))
    return findings


def split_rows(
    labels: Sequence[Hashable] | None,
    rows: int,
    *,
    eval_share: float,
    seed: int,
    groups: Sequence[Hashable] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Split row indexes for training and evaluation, stratified by class; the same seed gives the same split.

    Args:
        labels: The class of each row; None for an unstratified split (regression, no labels).
        rows: How many rows there are.
        eval_share: Share of the rows to evaluate on, in [0, 1).
        seed: Of the shuffle.
        groups: Rows of equal group (such as identical texts) stay on one side. None: each row is its own.

    Returns:
        Train and eval indexes, sorted. Every class keeps at least one group for training, so a class of one row is
        never evaluated; if groups are single rows, each class is within one row of its share.

    Raises:
        ValueError: If the lengths differ or the share is outside [0, 1).
    """
    if not 0 <= eval_share < 1:
        raise ValueError(f"eval_share is {eval_share}, expected a share from 0 to below 1.")
    if any(given is not None and len(given) != rows for given in (labels, groups)):
        raise ValueError(f"labels and groups must have one entry for each of the {rows} rows.")
    rng = np.random.default_rng(seed)
    if labels is None:
        return _split_unlabelled(rows, groups, eval_share, rng)
    classes = _groups_by_class(labels, range(rows) if groups is None else groups)
    wanted = _rows_wanted([sum(map(len, members)) for members in classes], [len(c) for c in classes], eval_share, rng)
    chosen = [
        row for members, count in zip(classes, wanted, strict=True) for row in _sample_groups(members, count, rng)
    ]
    held_out = np.zeros(rows, dtype=bool)
    held_out[np.array(chosen, dtype=np.int64)] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _split_unlabelled(
    rows: int, groups: Sequence[Hashable] | np.ndarray | None, eval_share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As with one class for all rows; of ten million that have no groups, 20 MB are in memory."""
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    group_of = None if groups is None else _numbers(groups)
    sizes = None if group_of is None else np.bincount(group_of)
    count = rows if sizes is None else len(sizes)
    [wanted] = _rows_wanted([rows], [count], eval_share, rng)
    order, chosen = shuffled_rows(count, rng), np.zeros(count, dtype=bool)
    if sizes is None:
        chosen[order[:wanted]] = True
    else:
        for index in order if wanted else ():
            if sizes[index] <= wanted:
                wanted -= sizes[index]
                chosen[index] = True
    held_out = chosen if group_of is None else chosen[group_of]
    return numbers_where(~held_out), numbers_where(held_out)


def _numbers(groups: Sequence[Hashable] | np.ndarray) -> np.ndarray:
    """Groups as numbers in the order in which they first come, int64 (rows,)."""
    if isinstance(groups, np.ndarray):
        _, firsts, numbers = np.unique(groups, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(firsts))[numbers]
    known: dict[Hashable, int] = {}
    return np.fromiter((known.setdefault(group, len(known)) for group in groups), np.int64, len(groups))


def _groups_by_class(labels: Sequence[Hashable], groups: Sequence[Hashable] | np.ndarray) -> list[list[list[int]]]:
    """Return, class by class, its groups of rows; a group with several labels counts for the rarest of them."""
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    sizes = Counter(labels)
    classes: dict[Hashable, list[list[int]]] = {}
    for rows in members.values():
        classes.setdefault(min((labels[row] for row in rows), key=lambda label: sizes[label]), []).append(rows)
    return list(classes.values())


def _rows_wanted(sizes: list[int], groups: list[int], eval_share: float, rng: np.random.Generator) -> np.ndarray:
    """Distribute the evaluation rows over classes by largest remainder, so that small classes get some too."""
    most = np.where(np.array(groups) > 1, np.array(sizes) - 1, 0)
    exact = np.array(sizes) * eval_share
    wanted = np.minimum(np.floor(exact).astype(np.int64), most)
    total = max(round(sum(sizes) * eval_share), int(eval_share > 0))
    remainders = np.where(exact > wanted, exact - wanted, -1.0)
    order = rng.permutation(len(sizes))
    for index in order[np.argsort(-remainders[order], kind="stable")]:
        if wanted.sum() < total and wanted[index] < most[index] and remainders[index] > 0:
            wanted[index] += 1
    return wanted


def _sample_groups(members: list[list[int]], count: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield the rows of randomly ordered groups, of each group that still fits into `count` rows."""
    for index in rng.permutation(len(members)):
        if len(members[index]) <= count:
            count -= len(members[index])
            yield from members[index]
