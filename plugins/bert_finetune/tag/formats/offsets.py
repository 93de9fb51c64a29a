"""Offsets of spans: find out how a file counts them, by the texts it quotes and by the edges of words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import regex

from plugins.bert_finetune.offset_units import COSTS, Cost, places_of
from plugins.bert_finetune.scripts import UNSPACED
from plugins.bert_finetune.tag.schemes import Span
from plugins.bert_finetune.tag.sentences import SpannedText
from plugins.bert_finetune.tag.words import AGGLUTINATED, characters_of
from training.preflight.sheet import Finding
from training.wording import at_lines, counted, listed

MAX_MISFITS = 0.01  # share of spans that a reading may leave unexplained: annotators slip
UTF16 = "UTF-16 units"
MUCH_BETTER = 5  # times fewer misfits than the plain reading, for one without quotes
UNUSABLE = 0.2  # share of the entities with both edges inside words
UNCUT = regex.compile(rf"[[\p{{L}}\p{{N}}]--{characters_of((*UNSPACED, *AGGLUTINATED))}]", regex.V1)
# letters of scripts in which an entity begins and ends at the edges of words
CLAUSE_MARKS = frozenset("。，、；：！？,;:!?،؛؟।")


@dataclass(frozen=True)
class Reading:
    """One way to count offsets.

    Args:
        name: How a finding calls it.
        cost: Units of each character; None: characters.
        first: The offset of the first character.
        inclusive: Whether the end is the last unit of the entity instead of the one after it.
    """

    name: str
    cost: Cost | None = None
    first: int = 0
    inclusive: bool = False

    def read(self, text: str, span: Span) -> Span:
        """The span in characters, the end not included; (-1, -1) if an offset is between characters or outside."""
        start, end = span.start - self.first, span.end - self.first + self.inclusive
        if self.cost and not (text.isascii() and "\n" not in text):
            places = places_of(self.cost, text)
            start, end = places.get(start, -1), places.get(end, -1)
        if not 0 <= start < end <= len(text):
            return Span(-1, -1, span.label)
        return _trimmed(text, start, end, span.label)


PLAIN = Reading("characters")
READINGS = (
    *(Reading(name, cost) for name, cost in COSTS),
    *(Reading(f"{name}, the last one included", cost, 0, True) for name, cost in COSTS),
    Reading("characters, the first one being 1", None, 1),
    Reading("characters, the first one being 1, the last one included", None, 1, True),
)


def _trimmed(text: str, start: int, end: int, label: str) -> Span:
    """The span without white space at its edges; an empty one stays."""
    inside = text[start:end]
    if not inside.strip():
        return Span(start, end, label)
    return Span(start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip()), label)


def read_offsets(texts: Sequence[SpannedText], repair: bool) -> tuple[list[SpannedText], list[Finding]]:
    """Convert all spans to characters by the reading that explains them, and report what it cannot explain.

    The plain reading (characters, end not included) is kept unless another one explains the file: every quoted text,
    or, where the file quotes none, (nearly) every edge of a word. A span whose quoted text stands elsewhere in the
    text is moved to the nearest place of it.

    Args:
        repair: Whether to drop spans outside their text, and to move others; if not, they are red.
    """
    reading, findings = _choose(texts)
    level = "amber" if repair else "red"
    converted, outside, moved = [], [], []
    for text in texts:
        spans, quotes = [], []
        for span, quote in zip(text.spans, text.quotes, strict=True):
            own = reading.read(text.text, span)
            if quote and not _is_quote(text.text, own, quote):
                own = _nearest(text.text, span, quote) or own
                moved.append(text.line)
            if own.start < 0:
                outside.append(text.line)
                continue
            spans.append(own)
            quotes.append(quote)
        converted.append(replace(text, spans=tuple(spans), quotes=tuple(quotes)))
    if moved:
        title = f"{counted(len(moved), 'span')} whose offsets differ from the entity's own text"
        findings.append(
            Finding(
                level,
                title,
                f"{'Moved to the nearest place of that text, if there is one' if repair else 'See'}: {_at(moved)}.",
            )
        )
    if outside:
        title = f"{counted(len(set(outside)), 'row')} with a span outside its text"
        findings.append(Finding(level, title, f"{'Dropped' if repair else 'See'}: {_at(outside)}."))
    return converted, findings + _edge_findings(converted)


def _at(lines: Sequence[int]) -> str:
    return at_lines(list(dict.fromkeys(lines)))


def _choose(texts: Sequence[SpannedText]) -> tuple[Reading, list[Finding]]:
    """The reading of a file: the plain one if it explains all, else the one that explains the most."""
    total = sum(len(text.spans) for text in texts)
    plain = _misfits(texts, PLAIN, total)
    if not plain:
        return PLAIN, _undecided(texts)
    best, fewest = PLAIN, plain
    for reading in READINGS[1:]:
        misfits = _misfits(texts, reading, fewest)
        if misfits < fewest:
            best, fewest = reading, misfits
    if fewest > MAX_MISFITS * total or fewest * MUCH_BETTER > plain:
        return PLAIN, []
    title = f"Offsets are counted in {best.name}: converted"
    detail = f"As characters {plain:,} of {counted(total, 'span')} do not fit. See the sample."
    return best, [Finding("amber", title, detail)]


def _undecided(texts: Sequence[SpannedText]) -> list[Finding]:
    """Report spans that are as plausible in UTF-16 units: after an emoji, in a script without spaces."""
    other = next(reading for reading in READINGS if reading.name == UTF16)
    unquoted = [replace(text, spans=spans, quotes=("",) * len(spans)) for text in texts if (spans := _unquoted(text))]
    differ = [
        text.line
        for text in unquoted
        for span in text.spans
        if other.read(text.text, span) != PLAIN.read(text.text, span)
    ]
    if not differ or _misfits(unquoted, other, 0):
        return []
    title = f"{counted(len(differ), 'span')} would fit as UTF-16 units, too: read as characters"
    return [Finding("amber", title, f"Compare with the sample: {_at(differ)}. A span with its own text is told apart.")]


def _unquoted(text: SpannedText) -> tuple[Span, ...]:
    return tuple(span for span, quote in zip(text.spans, text.quotes, strict=True) if not quote)


def _misfits(texts: Sequence[SpannedText], reading: Reading, limit: int) -> int:
    """Count the spans that a reading does not explain, no further than just above `limit`."""
    count = 0
    for text in texts:
        for span, quote in zip(text.spans, text.quotes, strict=True):
            own = reading.read(text.text, span)
            fits = own.start >= 0 and (_is_quote(text.text, own, quote) if quote else _is_plausible(text.text, own))
            count += not fits
        if count > limit:
            break
    return count


def _is_plausible(text: str, span: Span) -> bool:
    """Whether a span begins and ends at the edges of words, and with none of the marks between clauses."""
    edges = {text[span.start], text[span.end - 1]}
    return not any(_cuts(text, span)) and not edges & CLAUSE_MARKS


def _is_quote(text: str, span: Span, quote: str) -> bool:
    return span.start >= 0 and _plain(text[span.start : span.end]) == _plain(quote)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip().casefold()


def _cuts(text: str, span: Span) -> tuple[bool, bool]:
    """Whether a span begins, and whether it ends, inside a run of letters or digits."""
    start, end = (
        0 < edge < len(text) and bool(UNCUT.match(text, edge - 1) and UNCUT.match(text, edge))
        for edge in (span.start, span.end)
    )
    return start, end


def _nearest(text: str, span: Span, quote: str) -> Span | None:
    """The place of a quoted text nearest to its offset, a place between words before one inside a word."""
    places = [Span(match.start(), match.end(), span.label) for match in re.finditer(re.escape(quote.strip()), text)]
    return min(places, key=lambda place: (any(_cuts(text, place)), abs(place.start - span.start)), default=None)


def _edge_findings(texts: Sequence[SpannedText]) -> list[Finding]:
    """Report entities that begin or end inside a word: amber if some do, red if many do both."""
    cuts = [(_cuts(text.text, span), text, span) for text in texts for span in text.spans]
    wrong = [(cut, text, span) for cut, text, span in cuts if any(cut)]
    if not wrong:
        return []
    examples = listed([f"{text.text[span.start : span.end]!r} (line {text.line})" for _, text, span in wrong], 3)
    title = f"{len(wrong):,} of {counted(len(cuts), 'span')} begin or end inside a word: {examples}"
    if sum(all(cut) for cut, *_ in wrong) > UNUSABLE * len(cuts):
        advice = "Are offsets counted otherwise? Expected characters from 0, the end not included."
        return [Finding("red", title, advice)]
    return [Finding("amber", title, "The whole word is learned, and the score counts such an entity as missed.")]
