"""The names of the labels, and the sentences that texts are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.errors import UserError
from training.wording import listed

TEMPLATE = "This text is about {label}."  # of five it was best or within 0.02 of the best on AG News and SST-2
PLACE = "{label}"
MAX_LABELS, MAX_CHARACTERS = 200, 300


@dataclass(frozen=True)
class LabelNames:
    """Labels as a file writes them, and the sentence of each.

    Args:
        labels: Such as 1, 2.
        sentences: Such as "This text is about world politics."
    """

    labels: tuple[str, ...]
    sentences: tuple[str, ...]


def name_labels(given: Sequence[str], template: str = TEMPLATE) -> LabelNames:
    """Read labels, each "NAME" or "LABEL = WORDS" where the file's label says little: "1 = world politics".

    Raises:
        UserError: If there are fewer than two, two of one name, or the template has no place for the label.
    """
    if PLACE not in template:
        raise UserError(f"Template: {template!r} has no {PLACE}. Write one where the label's words belong: {TEMPLATE}")
    parts = [entry.partition("=") for entry in given if entry.strip()]
    labels = [label.strip() for label, _, _ in parts]
    words = [words.strip() if sign else words_of(label.strip()) for label, sign, words in parts]
    if len(labels) < 2:
        raise UserError("Name two labels at least, such as: positive, negative.")
    if len(labels) > MAX_LABELS:
        raise UserError(f"{len(labels)} labels: give at most {MAX_LABELS}.")
    for values, what in ((labels, "label"), (words, "label's words")):
        if twice := [value for value in dict.fromkeys(values) if values.count(value) > 1]:
            raise UserError(f"The {what} {listed(twice)} occurs twice: give each label a name of its own.")
    if not all(labels) or not all(words):
        raise UserError("A label has no name: write NAME, or LABEL = WORDS, such as 1 = world politics.")
    sentences = tuple(template.replace(PLACE, each) for each in words)
    if long := next((each for each in sentences if len(each) > MAX_CHARACTERS), ""):
        raise UserError(f"“{long[:60]}…” has {len(long)} characters: at most {MAX_CHARACTERS}. Use fewer words.")
    return LabelNames(tuple(labels), sentences)


def words_of(label: str) -> str:
    """The words of a label that is given none: underscores stand for spaces."""
    return label.replace("_", " ").strip() or label


def split_names(written: str) -> list[str]:
    """Labels as people write them: one a line, or on one line between commas."""
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    return [name.strip() for name in lines[0].split(",") if name.strip()] if len(lines) == 1 else lines
