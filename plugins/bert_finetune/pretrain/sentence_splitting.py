"""Split paragraphs into sentences by punctuation; good enough for sentence pairs of pre-training."""

from __future__ import annotations

import re

SENTENCE_END = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)\]]))\s+(?=[\"'“‘(\[]*[^\W_a-z])|(?<=[。！？])")
ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Capt|Rev|Hon|Inc|Ltd|Co|vs|etc|cf|No|Vol|Fig|pp|e\.g|i\.e|U\.S)|\b[A-Z])\.$"
)


def split_sentences(paragraph: str) -> list[str]:
    """Split a paragraph into non-empty sentences; titles, initials and abbreviations such as "e.g." do not end one."""
    sentences: list[str] = []
    for part in SENTENCE_END.split(paragraph.strip()):
        if sentences and ABBREVIATION.search(sentences[-1]):
            sentences[-1] += " " + part
        elif part and part.strip():
            sentences.append(part.strip())
    return sentences
