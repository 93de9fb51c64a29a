"""Texts that give their label away, so that a score says nothing of what was learned."""

from __future__ import annotations

import re

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.preflight.sheet import Finding

LOOKED_AT = 2000  # rows, spread over the file
OFTEN, SELDOM = 0.5, 0.25  # of the texts hold their own label; another label as a share of that


def told_labels(rows: LabelledTexts) -> list[Finding]:
    """Say how many texts hold their own label as words, where they hold it far more often than another one."""
    chosen = range(0, len(rows), -(-len(rows) // LOOKED_AT)) if len(rows) else range(0)
    names = {label: _words(label) for row in chosen for label in rows.labels[row]}
    own, other = [], 0
    for row in chosen:
        text = _words(" ".join((rows.texts[row], rows.pairs[row]))) if rows.pairs else _words(rows.texts[row])
        held = {label for label, words in names.items() if words in text}
        own += [row] if held & {*rows.labels[row]} else []
        other += bool(held - {*rows.labels[row]})
    if len(own) <= OFTEN * len(chosen) or other > SELDOM * len(own):
        return []
    title = f"{len(own) / len(chosen):.0%} of the texts hold their own label"
    advice = f"Such as {rows.texts[own[0]][:60]!r}. The score will be too good: take the labels out of the texts."
    return [Finding("amber", title, advice)]


def _words(text: str) -> str:
    """Its words in lower case with one space around each: what is part of a word is not found."""
    return " " + " ".join(re.findall(r"\w+", text.casefold())) + " "
