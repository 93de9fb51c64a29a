"""Captions and labels of images: from a metadata table, text files beside the images, or the names of the folders."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from training.data.images.archive import Members
from training.data.table import Table, read_table
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_COLUMNS = ("file_name", "file", "filename", "image", "path")
CAPTION, LABEL = "caption", "label"
NO_CAPTIONS = ("readme", "license", "licence", "labels", "classes")
MAX_NAMES = 5  # in a finding

Columns = dict[str, list[str | None]]


def read_metadata(members: Members) -> tuple[Columns, tuple[Finding, ...]]:
    """Return column -> one text (or None) per image of `members.image_names`, and findings about what does not match.

    Raises:
        UserError: If a table of metadata cannot be read.
    """
    columns, notices = _of_tables(members)
    captions = _of_texts(members)
    if any(captions):
        columns.setdefault(CAPTION, captions)
        notices += _unmatched_captions(members)
    labels = [PurePosixPath(name).parent.name or None for name in members.image_names]
    if len(set(labels)) > 1:
        columns.setdefault(LABEL, labels)
    return columns, tuple(notices)


def _of_tables(members: Members) -> tuple[Columns, list[Finding]]:
    indices = {name: index for index, name in enumerate(members.image_names)}
    columns: Columns = {}
    notices: list[Finding] = []
    for name in members.names:
        if PurePosixPath(name).name not in TABLES:
            continue
        table = _read(members, name)
        key = next((column for column in FILE_COLUMNS if column in table.names), None)
        if key is None:
            raise UserError(f"{name} has no column file_name; it has: {', '.join(table.names)}.")
        rows = [indices.get(str(PurePosixPath(name).parent / (file or "")), -1) for file in table.strings(key)]
        for column in (column for column in table.names if column != key):
            values = columns.setdefault(column, [None] * len(indices))
            for row, value in zip(rows, table.strings(column), strict=True):
                if row >= 0:
                    values[row] = value
        if lost := [file or "" for file, row in zip(table.strings(key), rows, strict=True) if row < 0]:
            title = f"{len(lost)} rows of {name} name images that are not there"
            notices.append(Finding("amber", title, f"They are left out: {listed(lost, MAX_NAMES)}"))
        if bare := sorted(set(indices.values()) - set(rows)):
            names = [members.image_names[row] for row in bare]
            title = f"{len(bare)} images have no row in {name}"
            notices.append(Finding("amber", title, f"They are kept, with empty columns: {listed(names, MAX_NAMES)}"))
    return columns, notices


def _read(members: Members, name: str) -> Table:
    with tempfile.TemporaryDirectory(prefix="selfsup-metadata-") as folder:
        path = Path(folder) / PurePosixPath(name).name
        path.write_bytes(members.read(name))
        return read_table(path)


def _of_texts(members: Members) -> list[str | None]:
    """Read `x.txt` as the caption of `x.png`."""
    texts = {name for name in members.names if name.lower().endswith(".txt")}
    beside = (str(PurePosixPath(name).with_suffix(".txt")) for name in members.image_names)
    return [_text(members.read(name)) if name in texts else None for name in beside]


def _unmatched_captions(members: Members) -> list[Finding]:
    """Report captions without an image; a README or a licence is no caption."""
    stems = {str(PurePosixPath(name).with_suffix("")) for name in members.image_names}
    alone = [name for name in members.names if name.lower().endswith(".txt") and name[:-4] not in stems]
    alone = [name for name in alone if PurePosixPath(name).stem.lower() not in NO_CAPTIONS]
    return [Finding("amber", f"{len(alone)} captions have no image", listed(alone, MAX_NAMES))] if alone else []


def _text(data: bytes) -> str | None:
    """Decode as UTF-8, else as Windows-1252 (undefined bytes become replacement marks), and join the lines."""
    try:
        words = data.decode("utf-8-sig").split()
    except UnicodeDecodeError:
        words = data.decode("cp1252", errors="replace").split()
    return " ".join(words) or None
