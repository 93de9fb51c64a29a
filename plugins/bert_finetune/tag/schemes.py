"""Tag schemes: convert IOB1, BIOES, BILOU and IO to BIO, and count repairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

OUTSIDE = "O"
PREFIXED = re.compile(r"([BIESLUM])-(.+)")
STARTS, INNER = "BSU", "IMEL"
LAST = "ESLU"  # end an entity
OTHER_FORMS = (re.compile(r"(?P<label>.+)[-_](?P<prefix>[BIESLUM])"), re.compile(r"(?P<prefix>[biesl])-(?P<label>.+)"))
MISTYPED = re.compile(r"[BIESLUM][^\w-].*|[BIESLUM]_.*")  # a prefix followed by another mark than a hyphen


class Span(NamedTuple):
    """An entity: words from `start` up to, but without, `end`."""

    start: int
    end: int
    label: str


def lack_prefixes(tags: set[str]) -> bool:
    """Whether tags have neither prefixes nor O, as parts of speech."""
    return OUTSIDE not in tags and not any(PREFIXED.fullmatch(tag) for tag in tags)


def are_io(tags: set[str]) -> bool:
    """Whether tags are O and labels without a prefix, so that adjacent words of one label are one entity."""
    labels = tags - {OUTSIDE}
    return (
        OUTSIDE in tags
        and bool(labels)
        and not any(PREFIXED.fullmatch(label) or MISTYPED.fullmatch(label) for label in labels)
    )


def in_usual_form(tags: set[str], trained: AbstractSet[str] = frozenset()) -> dict[str, str]:
    """The tags of a file that writes PER-B or b-per as B-PER; empty if it does not, such as one of VITAMIN-B.

    Args:
        trained: Those of the training file in the usual form, if this is another one, which may lack PER-I.
    """
    labels = tags - {OUTSIDE}
    if OUTSIDE not in tags or any(PREFIXED.fullmatch(label) for label in labels):
        return {}
    for form in OTHER_FORMS:
        matches = [match for label in labels if (match := form.fullmatch(label))]
        usual = {match.group(): f"{match['prefix'].upper()}-{match['label']}" for match in matches}
        starts, inner = ({tag[2:] for tag in usual.values() if tag.startswith(prefix)} for prefix in ("B-", "I-"))
        if len(usual) == len(labels) and ((inner and inner <= starts) or trained >= {*usual.values()}):
            return usual
    return {}


def invalid_positions(tags: Sequence[str]) -> list[int]:
    """Positions of the tags that are neither O nor prefixed."""
    return [position for position, tag in enumerate(tags) if tag != OUTSIDE and not PREFIXED.fullmatch(tag)]


def to_bio(tags: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the BIO tags of one sentence, and the positions of inner tags that continue no entity.

    Such a tag, I-PER after O or after B-LOC, becomes B-PER, as the CoNLL scorer reads it.
    """
    bio: list[str] = []
    orphans: list[int] = []
    open_label = ""  # of the entity that may continue
    for position, tag in enumerate(tags):
        match = PREFIXED.fullmatch(tag)
        if not match:
            bio.append(OUTSIDE)
            open_label = ""
            continue
        prefix, label = match.groups()
        continues = prefix in INNER and label == open_label
        if prefix in INNER and not continues:
            orphans.append(position)
        bio.append(f"{'I' if continues else 'B'}-{label}")
        open_label = "" if prefix in LAST else label
    return bio, orphans


def from_io(tags: Sequence[str]) -> list[str]:
    """Convert the IO tags of one sentence to BIO."""
    return to_bio([tag if tag == OUTSIDE else f"I-{tag}" for tag in tags])[0]


def is_iob1(sentences: Sequence[Sequence[str]]) -> bool:
    """Whether B- only separates adjacent entities of one label (Ramshaw & Marcus, 1995)."""
    starts = [(position, tags) for tags in sentences for position, tag in enumerate(tags) if tag.startswith("B-")]
    separates = [tags[position - 1][2:] == tags[position][2:] if position else False for position, tags in starts]
    return all(separates) and any(tag.startswith("I-") for tags in sentences for tag in tags)


def entity_spans(tags: Sequence[Any]) -> list[Span]:
    """Entities of BIO tags; an I- that continues nothing begins one. Tags without a prefix form runs of one label."""
    entities: list[Span] = []
    for position, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        match = PREFIXED.fullmatch(tag)
        prefix, label = match.groups() if match else ("I", tag)
        continues = prefix in INNER and entities and entities[-1].end == position and entities[-1].label == label
        if continues:
            entities[-1] = entities[-1]._replace(end=position + 1)
        else:
            entities.append(Span(position, position + 1, label))
    return entities


def from_spans(count: int, entities: Sequence[Span]) -> list[str]:
    """Return the BIO tags of `count` words."""
    tags = [OUTSIDE] * count
    for entity in entities:
        tags[entity.start : entity.end] = [
            f"B-{entity.label}",
            *[f"I-{entity.label}"] * (entity.end - entity.start - 1),
        ]
    return tags
