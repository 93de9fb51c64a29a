"""Scripts that are written without spaces between words: where a word ends there, no character says."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

UNSPACED = (
    *("Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Thai", "Lao", "Khmer", "Myanmar"),
    *("Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Balinese", "Javanese"),
)  # by the names of Unicode's property Script
SPACELESS = {"CJK", "IDEOGRAPHIC", "TIBETAN"} | {name.upper().split("_")[0] for name in UNSPACED if name != "Han"}
# by the first words of the names of letters; Tibetan marks syllables
WIDTHS = ("HALFWIDTH ", "FULLWIDTH ")


@lru_cache(maxsize=2**16)
def script(character: str) -> str:
    """The first word of a letter's Unicode name, such as LATIN, CJK or THAI; empty for what is no letter or mark."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    name = unicodedata.name(character, "")
    for width in WIDTHS:
        name = name.removeprefix(width)
    return name.replace("-", " ").split(" ")[0]


def is_spaceless(character: str) -> bool:
    """Whether the character belongs to a script that puts no spaces between words."""
    return script(character) in SPACELESS


@lru_cache(maxsize=2**16)
def is_of_word(character: str) -> bool:
    """Whether a character is a letter, a digit or a combining mark of a script with spaces between its words."""
    return unicodedata.category(character)[0] in "LMN" and not is_spaceless(character)


def is_whole_word(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` begins and ends where a word does, which in a spaceless script is everywhere.

    A Korean word may be followed by its particle without a space.
    """

    def joins(position: int) -> bool:
        if not 0 < position < len(text):
            return False
        if unicodedata.category(text[position])[0] == "M":  # a mark belongs to the letter before it
            return True
        return is_of_word(text[position - 1]) and is_of_word(text[position])

    has_particle = 0 < end < len(text) and script(text[end - 1]) == script(text[end]) == "HANGUL"
    return not joins(start) and (has_particle or not joins(end))
