"""Work as a generator: it yields how far it is and returns what it comes to; closing it ends it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

Result = TypeVar("Result")
Told = TypeVar("Told")


def finished(work: Generator[Any, None, Result]) -> Result:
    """What work comes to, without a word on the way."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def telling(work: Generator[float, None, Result], say: Callable[[float], Told]) -> Generator[Told, None, Result]:
    """The same work; what it yields is said otherwise: as a share of something larger, or in words."""
    while True:
        try:
            share = next(work)
        except StopIteration as end:
            return end.value
        yield say(share)
