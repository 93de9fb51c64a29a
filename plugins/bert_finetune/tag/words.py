"""Cut texts into words: one rule for the words trained on, scored and served, recorded with the weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import regex

from plugins.bert_finetune.scripts import UNSPACED

AGGLUTINATED = ("Hangul",)  # written with spaces, but a name and its particle are one run of letters
DIGITS = "Digits"  # beside the scripts, in `by_character`
SPACED_SCRIPTS = ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", DIGITS)
FIXED_SPACES = "\u00a0\u2007\u202f"  # that do not break a line: some files have them inside words
INVISIBLE = r"\p{Default_Ignorable_Code_Point}"  # soft hyphens, marks of direction; no words of their own
STACKED = r"(?<=[\u17d2\u1039\u1a60])"  # after the sign that stacks the next consonant (Khmer, Myanmar, Tai Tham)
CLITICS = r"['’](?i:s|re|ve|ll|d|m)(?![\p{L}\p{N}])"  # words of their own in most English data
SIGN = r"[\p{P}\p{S}" + FIXED_SPACES + "]"
MUCH_MORE = (
    10  # times as often inside words as at their edges; SNIPS (11): F1 0.887 with joined apostrophes, else 0.882
)
APOSTROPHES = "'’"
MIN_NEIGHBOURS = 3  # pairs of one-character words that show that a script is cut by character


@dataclass(frozen=True)
class WordRule:
    """How a text is cut: runs of letters and digits with their combining marks; every other sign is a word.

    Two rules make the words of a text those of the training file, however the file glues or spaces them: a cut depends
    on nothing beyond the run or sign itself, and the file's own words are cut by it too.

    Args:
        joined: Signs that stay inside a word between two runs, such as the apostrophe of "don't".
        by_character: Scripts (and `DIGITS`) of which every character, with its marks, is a word.
        of_others: Whether the weights were trained elsewhere, on whole words of an unknown rule: names with @ and #
            are words, and English clitics ('s) are cut off.
    """

    joined: str = ""
    by_character: tuple[str, ...] = (*UNSPACED, *AGGLUTINATED)
    of_others: bool = False

    def split(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each word of a text, in characters; white space and invisible characters are in none."""
        return [match.span() for match in self._pattern.finditer(text)]

    def words(self, text: str) -> list[str]:
        """The words of a text."""
        return self._pattern.findall(text)

    def facts(self) -> dict[str, Any]:
        """What the record of the weights keeps."""
        return {"joined_signs": self.joined, "cut_by_character": list(self.by_character)}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> WordRule:
        """The rule of a record; that of weights from elsewhere if it has none."""
        if "joined_signs" not in facts:
            return OF_OTHERS
        return cls(str(facts["joined_signs"]), tuple(facts.get("cut_by_character", ())))

    @cached_property
    def _pattern(self) -> Any:
        characters = characters_of(self.by_character)
        first = rf"[[\p{{L}}\p{{N}}]--{characters}]"
        inner = rf"[[\p{{L}}\p{{N}}\p{{M}}\u200c\u200d]--{characters}]"
        run = rf"{first}(?:{inner}|[{INVISIBLE}--\u200b]+(?={first}))*"
        if self.joined:
            signs = f"[{regex.escape(self.joined, literal_spaces=True)}]"
            joint = (rf"(?!{CLITICS})" if self.of_others else "") + signs
            run = f"{run}(?:{joint}{run})*"
        name = rf"(?:[@#](?={first}))?" if self.of_others else ""
        cluster = rf"(?={characters})\X(?:{STACKED}\X)*"
        return regex.compile(rf"{cluster}|{name}{run}|(?!\s|{INVISIBLE}|\p{{Cc}})\X", regex.V1)


OF_OTHERS = WordRule(".'’&@_-", UNSPACED, of_others=True)


def characters_of(scripts: Iterable[str]) -> str:
    """The character class of letters and digits of some scripts."""
    names = [r"\p{Nd}" if name == DIGITS else rf"\p{{Script_Extensions={name}}}" for name in scripts]
    return rf"[[{''.join(names)}]&&[\p{{L}}\p{{N}}]]" if names else r"[\p{L}&&\p{N}]"


def rule_of(sentences: Sequence[Sequence[str]]) -> WordRule:
    """The rule that cuts a text as the words of a file were cut.

    A sign is joined if the file has it inside words and (almost) never at the edge of one: where both occur
    ("Coca-Cola" and "Oslo", "-", "based") no rule tells them apart in a text, so it is cut everywhere, also inside the
    file's words. With one apostrophe the other is joined, since keyboards differ, unless it stands at edges as often
    as inside, as a quotation mark.
    A script is cut by character if all its words are single characters and stand side by side.
    """
    counts = Counter(word for words in sentences for word in words)
    single = tuple(name for name in SPACED_SCRIPTS if _is_cut_by_character(name, sentences, counts))
    rule = WordRule(by_character=(*UNSPACED, *AGGLUTINATED, *single))
    inner: Counter[str] = Counter()
    edges: Counter[str] = Counter()
    for word, count in counts.items():
        signs = [(match.start(), match.group()) for match in regex.finditer(SIGN, word)]
        if not signs:
            continue
        pieces = [match for match in rule.split(word) if word[match[0]].isalnum()]
        starts, ends = {start for start, _ in pieces}, {end for _, end in pieces}
        for place, sign in signs:
            inner[sign] += count * (place in ends and place + 1 in starts)
            edges[sign] += count * (place in (0, len(word) - 1))
    joined = {sign for sign, count in inner.items() if count and count >= MUCH_MORE * edges[sign]}
    for sign, other in (APOSTROPHES, APOSTROPHES[::-1]):
        if sign in joined and (not edges[other] or edges[other] < inner[other]):
            joined.add(other)
    return WordRule("".join(sorted(joined)), rule.by_character)


def _is_cut_by_character(script: str, sentences: Sequence[Sequence[str]], counts: Counter[str]) -> bool:
    characters = regex.compile(characters_of([script]), regex.V1)
    single = {word for word in counts if characters.match(word) and regex.fullmatch(r"\X", word)}
    if not single or any(len(characters.findall(word)) > 1 for word in counts):
        return False
    runs = (len(list(run)) for words in sentences for alone, run in groupby(words, single.__contains__) if alone)
    return sum(run - 1 for run in runs) >= MIN_NEIGHBOURS
