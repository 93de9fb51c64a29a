"""Generators that yield progress and return a result; closing one stops the work."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

Result = TypeVar("Result")
Mapped = TypeVar("Mapped")


def run_to_end(work: Generator[Any, None, Result]) -> Result:
    """The result of the work; its progress is dropped."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def map_progress(
    work: Generator[float, None, Result], change: Callable[[float], Mapped]
) -> Generator[Mapped, None, Result]:
    """The same work with its progress changed: to a share of something larger, or to a message."""
    while True:
        try:
            share = next(work)
        except StopIteration as end:
            return end.value
        yield change(share)
