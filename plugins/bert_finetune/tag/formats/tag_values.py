"""Tags as files spell them: class ids become names, other spellings of O become O, or the sheet asks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plugins.bert_finetune.list_cells import parse_list
from plugins.bert_finetune.tag.schemes import OUTSIDE, PREFIXED
from plugins.bert_finetune.tag.sentences import Sentence
from training.preflight.sheet import Finding
from training.wording import listed

SUFFIXED = re.compile(r"(?P<label>.+)[-_:/](?P<prefix>[BIESLUMbieslum])")
OTHER_PREFIX = re.compile(r"(?P<prefix>[BIESLUMbieslum])[-_:/](?P<label>.+)")
OUTSIDE_SPELLINGS = ("o", "0", "_", "-", "--", "*", "none", "null", "nan", "n/a", "nil", "<o>", "[o]", "outside", "�")
WORDS_FOR_OUTSIDE = ("na", "no", "out", "other", "background", "no_entity", "not_entity")  # asked about if O is missing


def named_tags(
    sentences: Sequence[Sentence], tag_names: str, outside_tag: str, file_names: Sequence[str] = ()
) -> tuple[list[Sentence], list[Finding]]:
    """Replace class ids by their names and the outside tag of the settings by O.

    Args:
        tag_names: Names of the class ids in their order, separated by commas; else `file_names`, those of the file.
        outside_tag: How the file writes O; "O": nothing else means it.

    Returns:
        The sentences, and red findings if names are missing or a tag may mean O.
    """
    tags = {tag for sentence in sentences for tag in sentence.tags}
    changes: dict[str, str] = {}
    findings: list[Finding] = []
    if tags and all(tag.lstrip("-").isdecimal() for tag in tags):
        names = parse_names(tag_names) or list(file_names)
        numbers = sorted(map(int, tags))
        if not names:
            title = f"Tags are class ids without names: {listed(numbers)}"
            advice = "Set tag_names, the names in the order of the ids (usually O first): O, B-PER, I-PER, …"
            return list(sentences), [Finding("red", title, advice)]
        if numbers[0] < 0 or numbers[-1] >= len(names):
            title = f"Tags are class ids from {numbers[0]} to {numbers[-1]}, but there are {len(names)} names"
            return list(sentences), [Finding("red", title, "Give one name for each id, from 0, in tag_names.")]
        changes = {str(number): names[number] for number in numbers}
        title = f"Tags are class ids: {listed([f'{number} = {names[number]}' for number in numbers])}"
        findings = [Finding("green", title)]
    elif respelled := _respelled(tags - {OUTSIDE, outside_tag}):
        changes = respelled
        old, new = next(iter(sorted(respelled.items())))
        findings = [Finding("green", f"Tags such as {old} are read as {new}")]
    changes |= {tag: OUTSIDE for tag in {*tags, *changes.values()} if outside_tag and tag == outside_tag}
    named = [replace(one, tags=tuple(_named(tag, changes) for tag in one.tags)) for one in sentences]
    return named, findings + ([] if outside_tag else _questions({tag for one in named for tag in one.tags}))


def _named(tag: str, changes: dict[str, str]) -> str:
    name = changes.get(tag, tag)
    return changes.get(name, name) if name != tag else name


def _respelled(tags: set[str]) -> dict[str, str]:
    """Tags with the prefix after the label (PER_B), in small letters (b-per) or with another mark (B_PER), as B-PER.

    Only if all tags are spelled so, and a label has more than one of the prefixes.
    """
    tags = {tag for tag in tags if tag.casefold() not in OUTSIDE_SPELLINGS}
    if all(map(PREFIXED.fullmatch, tags)):
        return {}
    for pattern in (SUFFIXED, OTHER_PREFIX):
        matches = {tag: match for tag in tags if (match := pattern.fullmatch(tag))}
        changes = {tag: f"{match['prefix'].upper()}-{match['label']}" for tag, match in matches.items()}
        labels = [name[2:] for name in changes.values()]
        if len(matches) == len(tags) and len(set(labels)) < len(labels):
            return changes
    return {}


def parse_names(text: str) -> list[str]:
    """Names of class ids from a list, or separated by commas or white space."""
    try:
        return [str(name).strip() for name in parse_list(text)]
    except ValueError:
        separated = text.split(",") if "," in text else text.split()
        return [name.strip() for name in separated if name.strip()]


def _questions(tags: set[str]) -> list[Finding]:
    """Ask about tags that may mean O."""
    spellings = OUTSIDE_SPELLINGS if OUTSIDE in tags else (*OUTSIDE_SPELLINGS, *WORDS_FOR_OUTSIDE)
    odd = sorted(tag for tag in tags - {OUTSIDE} if tag.casefold() in spellings)
    if not odd or tags == set(odd):
        return []
    title = f"Does the tag {listed([repr(tag) for tag in odd])} mean O, no entity?"
    return [Finding("red", title, f"Set outside_tag to {odd[0]} if so, or to O if it is a tag of its own.")]


def class_names(path: Path) -> dict[str, list[str]]:
    """Names of the class ids of each column of a Parquet file that the library datasets wrote; {} for other files."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                return {}
        metadata = pq.read_schema(path).metadata or {}
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return {}
    found = {name: _names(feature) for name, feature in features.items()}
    return {name: names for name, names in found.items() if names}


def _names(feature: Any) -> list[str]:
    """Names of a ClassLabel, or of one inside a list."""
    if isinstance(feature, list) and feature:
        return _names(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        return [str(name) for name in feature.get("names") or []]
    return _names(feature.get("feature"))
