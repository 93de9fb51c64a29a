"""Paragraphs to sentences, by rule: enough for pairs of neighbouring sentences, in any language that ends them with a mark."""

from __future__ import annotations

import re

END = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)\]]))\s+(?=[\"'“‘(\[]*[^\W_a-z])|(?<=[。！？])")
SHORTENED = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Capt|Rev|Hon|Inc|Ltd|Co|vs|etc|cf|No|Vol|Fig|pp|e\.g|i\.e|U\.S)|\b[A-Z])\.$"
)


def split_sentences(paragraph: str) -> list[str]:
    """Sentences in order, none empty; a title, an initial or "e.g." ends none."""
    found: list[str] = []
    for piece in END.split(paragraph.strip()):
        if found and SHORTENED.search(found[-1]):
            found[-1] += " " + piece
        elif piece and piece.strip():
            found.append(piece.strip())
    return found
