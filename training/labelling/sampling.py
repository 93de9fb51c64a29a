"""Items drawn at random, to measure with; their order is that of a hash, the same on another day: it is not kept."""

from __future__ import annotations

import functools
import hashlib
import math

import numpy as np

RANDOM_SHARE = 0.2  # of a round
MIN_LABELLED_SHARE = 0.9  # of the first items of the random order: the rest was skipped
MIN_MEASURED = 10  # items drawn at random, for an estimate; fewer give an interval as wide as the scale
NORMAL_95 = 1.96  # standard deviations of a 95 % interval


@functools.lru_cache(maxsize=4)  # of a session, whose rounds ask for the same
def random_order(items: tuple[str, ...]) -> np.ndarray:
    """Numbers of the items in an order that has nothing to do with what they say, the same at every call."""
    digests = [hashlib.blake2b(item.encode("utf-8", "surrogatepass"), digest_size=8).digest() for item in items]
    order = np.argsort(np.array([int.from_bytes(each, "big") for each in digests], np.uint64), kind="stable")
    order.flags.writeable = False
    return order


def random_sample(order: np.ndarray, labelled: np.ndarray, most_share: float = RANDOM_SHARE) -> np.ndarray:
    """Labelled items that are a random sample of all: those at the beginning of the random order.

    Args:
        order: Of `random_order`, or the part of it that is to be measured.
        labelled: Numbers of the items with a label.
        most_share: Of the labelled items that the sample may take.

    Returns:
        Item numbers.
    """
    has_label = np.isin(order, labelled)
    share = np.cumsum(has_label) / np.arange(1, len(order) + 1)
    ends = np.flatnonzero((share >= MIN_LABELLED_SHARE) & has_label)
    most = math.ceil(most_share * len(labelled))
    return order[: ends[-1] + 1][has_label[: ends[-1] + 1]][:most] if len(ends) else order[:0]


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share of `count` (Wilson, 1927)."""
    square = NORMAL_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = NORMAL_95 * np.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
