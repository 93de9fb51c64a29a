"""Tag schemes: BIO, IOB1, BIOES, IO and bare tags, all turned into BIO, with every repair counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

OUTSIDE = "O"
PREFIXED = re.compile(r"([BIESLUM])-(.+)")
STARTS, INNER = "BSU", "IMEL"
LAST = "ESLU"  # nothing of the entity follows these
MISTYPED = re.compile(r"[BIESLUM][^\w-].*|[BIESLUM]_.*")  # a prefix with another mark than the hyphen


class Span(NamedTuple):
    """An entity: words from `start` to before `end`."""

    start: int
    end: int
    label: str


def are_bare(tags: set[str]) -> bool:
    """Whether the tags have no prefix and no outside, as parts of speech have none."""
    return OUTSIDE not in tags and not any(PREFIXED.fullmatch(tag) for tag in tags)


def are_io(tags: set[str]) -> bool:
    """Whether the tags are O and kinds without a prefix, so that neighbours of one kind are one entity."""
    kinds = tags - {OUTSIDE}
    return (
        OUTSIDE in tags
        and bool(kinds)
        and not any(PREFIXED.fullmatch(kind) or MISTYPED.fullmatch(kind) for kind in kinds)
    )


def foreign(tags: Sequence[str]) -> list[int]:
    """Places of the tags that are neither O nor prefixed."""
    return [place for place, tag in enumerate(tags) if tag != OUTSIDE and not PREFIXED.fullmatch(tag)]


def to_bio(tags: Sequence[str]) -> tuple[list[str], list[int]]:
    """BIO tags of one sentence, and the places of those that began an entity without saying so.

    Such a tag, I-PER after O or after B-LOC, becomes B-PER, as the CoNLL scorer reads it.
    """
    found: list[str] = []
    orphans: list[int] = []
    open_label = ""  # of the entity that may go on
    for place, tag in enumerate(tags):
        match = PREFIXED.fullmatch(tag)
        if not match:
            found.append(OUTSIDE)
            open_label = ""
            continue
        prefix, label = match.groups()
        continues = prefix in INNER and label == open_label
        if prefix in INNER and not continues:
            orphans.append(place)
        found.append(f"{'I' if continues else 'B'}-{label}")
        open_label = "" if prefix in LAST else label
    return found, orphans


def from_io(tags: Sequence[str]) -> list[str]:
    """BIO tags of one sentence of IO tags."""
    return to_bio([tag if tag == OUTSIDE else f"I-{tag}" for tag in tags])[0]


def is_iob1(sentences: Sequence[Sequence[str]]) -> bool:
    """Whether B- only parts an entity from one of the same kind right before it (Ramshaw & Marcus, 1995)."""
    begun = [(place, tags) for tags in sentences for place, tag in enumerate(tags) if tag.startswith("B-")]
    parted = [tags[place - 1][2:] == tags[place][2:] if place else False for place, tags in begun]
    return all(parted) and any(tag.startswith("I-") for tags in sentences for tag in tags)


def spans(tags: Sequence[Any]) -> list[Span]:
    """The entities of BIO tags; an I- that continues nothing begins one. Bare tags other than O make runs of a kind."""
    found: list[Span] = []
    for place, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        match = PREFIXED.fullmatch(tag)
        prefix, label = match.groups() if match else ("I", tag)
        joins = prefix in INNER and found and found[-1].end == place and found[-1].label == label
        if joins:
            found[-1] = found[-1]._replace(end=place + 1)
        else:
            found.append(Span(place, place + 1, label))
    return found


def from_spans(count: int, entities: Sequence[Span]) -> list[str]:
    """BIO tags of `count` words."""
    tags = [OUTSIDE] * count
    for entity in entities:
        tags[entity.start : entity.end] = [
            f"B-{entity.label}",
            *[f"I-{entity.label}"] * (entity.end - entity.start - 1),
        ]
    return tags
