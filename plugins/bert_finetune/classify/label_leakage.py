"""Label leakage: texts that contain their own label."""

from __future__ import annotations

import re

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from training.preflight.sheet import Finding

MAX_CHECKED_ROWS = 2000  # spread evenly over the file
MIN_OWN_LABEL_SHARE = 0.5  # of the texts contain their own label
MAX_OTHER_LABEL_RATIO = 0.25  # texts that contain another label, relative to those


def check_label_leakage(rows: LabelledTexts) -> list[Finding]:
    """Report the share of texts that contain their own label as words, if that is far more often than another label."""
    checked = range(0, len(rows), -(-len(rows) // MAX_CHECKED_ROWS)) if len(rows) else range(0)
    names = {label: _words(label) for row in checked for label in rows.labels[row]}
    own, other = [], 0
    for row in checked:
        text = _words(" ".join((rows.texts[row], rows.pairs[row]))) if rows.pairs else _words(rows.texts[row])
        contained = {label for label, words in names.items() if words in text}
        own += [row] if contained & {*rows.labels[row]} else []
        other += bool(contained - {*rows.labels[row]})
    if len(own) <= MIN_OWN_LABEL_SHARE * len(checked) or other > MAX_OTHER_LABEL_RATIO * len(own):
        return []
    title = f"{len(own) / len(checked):.0%} of the texts contain their own label"
    advice = f"Such as {rows.texts[own[0]][:60]!r}. The score will be too high: remove the labels from the texts."
    return [Finding("amber", title, advice)]


def _words(text: str) -> str:
    """Lower-case words with one space around each, so that only whole words match."""
    return " " + " ".join(re.findall(r"\w+", text.casefold())) + " "
