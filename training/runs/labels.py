"""What people write on a run: its name, tags and notes, in `labels.json` of its folder. Bounded plain text."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from training import files
from training.errors import UserError

FILE = "labels.json"
MAX_NAME, MAX_TAG, MAX_NOTES = 80, 30, 2000  # characters
MAX_TAGS = 8
MAX_BYTES = 65_536  # of the file
JOINER = "\u200d"  # of emoji; it is not printable by itself


@dataclass(frozen=True)
class Labels:
    """Name, tags and notes of a run; empty until somebody writes them."""

    name: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""


def checked_labels(name: str = "", tags: Iterable[str] = (), notes: str = "") -> Labels:
    """Labels without control characters and with each tag once.

    Raises:
        UserError: For one that is too long, or too many tags.
    """
    distinct = tuple(dict.fromkeys(tag for tag in map(_line, tags) if tag))
    if len(distinct) > MAX_TAGS:
        raise UserError(f"tags: {len(distinct)} were given; a run has at most {MAX_TAGS}.")
    labels = Labels(_line(name), distinct, _text(notes))
    for what, text, most in (
        ("name", labels.name, MAX_NAME),
        ("notes", labels.notes, MAX_NOTES),
        *(("tags", tag, MAX_TAG) for tag in distinct),
    ):
        if len(text) > most:
            raise UserError(f"{what}: {text[:20]!r}… has {len(text)} characters; at most {most} are kept. Shorten it.")
    return labels


def read_labels(folder: Path) -> Labels:
    """The labels of a run's folder; empty where there are none, or where the file is damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        path = folder / FILE
        if path.stat().st_size <= MAX_BYTES:
            content = json.loads(path.read_text(encoding="utf-8"))
            return checked_labels(str(content["name"]), map(str, content["tags"]), str(content["notes"]))
    return Labels()


def write_labels(folder: Path, labels: Labels) -> None:
    """Replace the labels of a run's folder."""
    files.write_json(folder / FILE, asdict(labels))


def edit_labels(
    folder: Path, name: str | None = None, tags: Iterable[str] | None = None, notes: str | None = None
) -> Labels:
    """Change the labels that are given and keep the others, so that two editors of different labels lose nothing."""
    old = read_labels(folder)
    labels = checked_labels(
        old.name if name is None else name,
        old.tags if tags is None else tags,
        old.notes if notes is None else notes,
    )
    write_labels(folder, labels)
    return labels


def _line(text: str) -> str:
    return _text(" ".join(text.split()))


def _text(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable() or sign in (JOINER, "\n")).strip()
