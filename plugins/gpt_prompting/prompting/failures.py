"""Failures: answers of a server that did not come. One costs itself; the run ends where no further answer can come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from plugins.gpt_prompting.models.hosted_servers import ServerError, UnreachableError

MAX_IN_A_ROW = 5  # answers that did not come for reasons that are not their requests'


class Failures:
    """Counts them.

    Args:
        has_answered: Whether the server answered before, so that its address, model and key are right.
    """

    def __init__(self, has_answered: bool = False):
        self.has_answered, self.in_a_row = has_answered, 0
        self.last: ServerError | None = None

    def answered(self) -> None:
        self.has_answered, self.in_a_row = True, 0

    @property
    def is_gone(self) -> bool:
        """Whether so many answers in a row did not come that the server is thought to be gone."""
        return self.in_a_row >= MAX_IN_A_ROW

    def count(self, error: ServerError) -> str:
        """Count an answer that did not come; returns the reason.

        Raises:
            ServerError: If no answer can come, since the key, the model or the address is wrong.
        """
        refuses_this = error.status in (403, 404) and self.has_answered
        never_works = error.is_final or (isinstance(error, UnreachableError) and not self.has_answered)
        if never_works and not refuses_this:
            raise error
        self.last = error
        self.in_a_row += error.is_transient or not self.has_answered
        if self.is_gone and not self.has_answered:
            raise error
        return str(error)

    def finish(self) -> None:
        """Check at the end that there is a result.

        Raises:
            ServerError: If not one answer came.
        """
        if self.last and not self.has_answered:
            raise self.last


def count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Count the reasons why rows have no label, the most frequent first; empty ones are left out."""
    return dict(Counter(reason for reason in reasons if reason).most_common())
