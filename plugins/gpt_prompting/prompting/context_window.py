"""What fits into the context: examples are dropped from the far end, then the query is cut, and both are said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.prompts import Prompt, Row
from training.errors import UserError

SEAM_TOKENS = 4  # tokens: pieces may join differently at their seams


@dataclass(frozen=True)
class FittedPrompt:
    """A prompt that fits.

    Args:
        dropped: Places (from 0) of the examples that did not.
        cut: Whether the query's longest value was shortened.
    """

    text: str
    examples: tuple[Row, ...]
    dropped: tuple[int, ...] = ()
    cut: bool = False


class ContextFitter:
    """Fits many queries to one prompt, counting each example once."""

    def __init__(self, model: LanguageModel, prompt: Prompt, answer_tokens: int):
        self.model, self.prompt = model, prompt
        self.room = (model.context - answer_tokens) if model.context else 0
        self.known: dict[str, int] = {}

    def fit(self, row: Row, examples: Sequence[Row] | None = None) -> FittedPrompt:
        """The prompt of a row.

        Raises:
            UserError: If not even the instruction and an empty query fit.
        """
        shots = tuple(self.prompt.examples if examples is None else examples)
        text = self.prompt.text(row, shots)
        if not self.room or len(text.encode()) <= self.room or self.model.count(text) <= self.room:
            return FittedPrompt(text, shots)
        first = self._first_that_fits(row, shots)
        while first < len(shots) and self.model.count(self.prompt.text(row, shots[first:])) > self.room:
            first += 1
        kept, dropped = shots[first:], tuple(range(first))
        text = self.prompt.text(row, kept)
        if kept or self.model.count(text) <= self.room:
            return FittedPrompt(text, kept, dropped)
        return FittedPrompt(self._cut(row), (), dropped, cut=True)

    def _first_that_fits(self, row: Row, shots: tuple[Row, ...]) -> int:
        left = self.room - self._count(self.prompt.text(row, ())) - SEAM_TOKENS
        first = len(shots)
        while first and (size := self._count(self.prompt.separator + self.prompt.shown(shots[first - 1]))) <= left:
            left, first = left - size, first - 1
        return first

    def _count(self, text: str) -> int:
        if text not in self.known:
            self.known[text] = self.model.count(text)
        return self.known[text]

    def _cut(self, row: Row) -> str:
        """The longest value loses its end until the query fits."""
        name = max(self.prompt.fields, key=lambda field: len(str(row.get(field, ""))))
        value, low = str(row[name]), 0
        high = len(value)
        while low < high:  # the longest beginning that fits
            middle = (low + high + 1) // 2
            fits = self.model.count(self.prompt.text({**row, name: value[:middle]}, ())) <= self.room
            low, high = (middle, high) if fits else (low, middle - 1)
        text = self.prompt.text({**row, name: value[:low]}, ())
        if self.model.count(text) > self.room:
            raise UserError(
                f"The prompt without any example has {self.model.count(text):,} tokens; the model reads {self.room:,} beside the answer: shorten the instruction."
            )
        return text
