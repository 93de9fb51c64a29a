"""Find an answer in its context where its start is missing, wrong or counted in other units."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from plugins.bert_finetune.scripts import is_whole_word


class Place(NamedTuple):
    """Where an answer stands in its context, in characters, and what was wrong with what the file said."""

    start: int
    end: int
    is_corrected: bool = False  # the file gave another start
    is_first_of_several: bool = False  # the file gave none, and there are several
    is_inside_word: bool = False  # no start is confirmed, and no place is a whole word


def find_answer(answer: str, start: int, context: str) -> Place | None:
    """Return the place of an answer; None if it does not occur.

    A start at which the answer stands is taken as it is, also inside a word: `1920` of `1920s` is an answer of SQuAD.
    Otherwise whole words come first ("art" is not in "party"), then the place nearest to the given start.

    Args:
        answer: As the file has it. Spaces around it do not count; line ends, repeated spaces and the Unicode form of
            accents may differ from the context.
        start: Character of the context; negative if the file does not say.
    """
    text, given = answer.strip(), context[max(start, 0) :][: len(answer)]
    if text and start >= 0 and (given.strip() == text or context.startswith(text, start)):
        first = context.index(text, start)
        return Place(first, first + len(text))
    spans = [match.span() for match in re.finditer(_pattern(text), context)] if text else []
    if not spans:
        return None
    whole = [span for span in spans if is_whole_word(context, *span)]
    first, end = min(whole or spans, key=lambda span: abs(span[0] - start))
    is_first_of_several = start < 0 and len(whole or spans) > 1
    return Place(first, end, start >= 0 and first != start, is_first_of_several, not whole)


def _pattern(text: str) -> str:
    """A regular expression for the text, with any white space between its words and accents composed or not."""
    words = (
        "".join(_character(character) for character in word) for word in unicodedata.normalize("NFC", text).split()
    )
    return r"\s+".join(words)


def _character(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    return re.escape(character) if parts == character else f"(?:{re.escape(character)}|{re.escape(parts)})"
