"""Split paragraphs into sentences by punctuation; good enough for sentence pairs of pre-training."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Begins with a set of characters, to which the search skips, where a look back is tried at every place.
SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]?(?P<gap>\s+)(?=[\"'“‘(\[]*[^\W_a-z])|[。！？]")
ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Capt|Rev|Hon|Inc|Ltd|Co|vs|etc|cf|No|Vol|Fig|pp|e\.g|i\.e|U\.S)|\b[A-Z])\.$"
)


def split_sentences(paragraph: str) -> list[str]:
    """Split a paragraph into non-empty sentences; titles, initials and abbreviations such as "e.g." do not end one."""
    sentences: list[str] = []
    for part in _cut(paragraph.strip()):
        if sentences and ABBREVIATION.search(sentences[-1]):
            sentences[-1] += " " + part
        elif part and part.strip():
            sentences.append(part.strip())
    return sentences


def _cut(text: str) -> Iterator[str]:
    start = 0
    for end in SENTENCE_END.finditer(text):
        stop, after = end.span("gap") if end["gap"] else (end.end(), end.end())
        yield text[start:stop]
        start = after
    yield text[start:]
