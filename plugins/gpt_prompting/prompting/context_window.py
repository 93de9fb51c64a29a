"""Fit prompts into the context window: drop demonstrations from the far end, then truncate the query; both are
reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.prompts import Prompt, Row
from training.errors import UserError

SEAM_TOKENS = 4  # margin: joined texts may be tokenized differently at their seams


@dataclass(frozen=True)
class FittedPrompt:
    """The text of a prompt that fits into the context.

    Args:
        examples: The demonstrations that it shows.
        dropped: Indices (from 0) of the demonstrations that did not fit.
        truncated: Whether the query's longest value was shortened.
    """

    text: str
    examples: tuple[Row, ...]
    dropped: tuple[int, ...] = ()
    truncated: bool = False


class ContextFitter:
    """Fits many queries to one prompt; the tokens of each demonstration are counted once."""

    def __init__(self, model: LanguageModel, prompt: Prompt, answer_tokens: int):
        self.model, self.prompt = model, prompt
        self.room = (model.context - answer_tokens) if model.context else 0  # tokens for the prompt; 0: unlimited
        self.counts: dict[str, int] = {}

    def fit(self, row: Row, examples: Sequence[Row] | None = None) -> FittedPrompt:
        """Build the prompt of a row.

        Args:
            examples: Its demonstrations; by default the prompt's.

        Raises:
            UserError: If not even the instruction and an empty query fit.
        """
        shots = tuple(self.prompt.examples if examples is None else examples)
        text = self.prompt.text(row, shots)
        # A token has at least one byte: a text of few bytes fits without being tokenized.
        if not self.room or len(text.encode()) <= self.room or self.model.count(text) <= self.room:
            return FittedPrompt(text, shots)
        first = self._first_that_fits(row, shots)
        while first < len(shots) and self.model.count(self.prompt.text(row, shots[first:])) > self.room:
            first += 1
        shown, dropped = shots[first:], tuple(range(first))
        text = self.prompt.text(row, shown)
        if shown or self.model.count(text) <= self.room:
            return FittedPrompt(text, shown, dropped)
        return FittedPrompt(self._truncate(row), (), dropped, truncated=True)

    def _first_that_fits(self, row: Row, shots: tuple[Row, ...]) -> int:
        """Estimate by summed counts, which differ from the count of the whole text by a few tokens at the seams."""
        left = self.room - self._count(self.prompt.text(row, ())) - SEAM_TOKENS
        first = len(shots)
        while first and (size := self._count(self.prompt.separator + self.prompt.example(shots[first - 1]))) <= left:
            left, first = left - size, first - 1
        return first

    def _count(self, text: str) -> int:
        if text not in self.counts:
            self.counts[text] = self.model.count(text)
        return self.counts[text]

    def _truncate(self, row: Row) -> str:
        """Shorten the longest value to the longest beginning that fits (binary search)."""
        name = max(self.prompt.fields, key=lambda field: len(str(row.get(field, ""))))
        value, low = str(row[name]), 0
        high = len(value)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.model.count(self.prompt.text({**row, name: value[:middle]}, ())) <= self.room
            low, high = (middle, high) if fits else (low, middle - 1)
        text = self.prompt.text({**row, name: value[:low]}, ())
        size = self.model.count(text)
        if size > self.room:
            raise UserError(
                f"The prompt without examples has {size:,} tokens; {self.room:,} fit beside the answer: shorten the "
                "instruction."
            )
        return text
