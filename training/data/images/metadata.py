"""What a folder says of its pictures: a table of metadata, a text file beside each, the names of the folders."""

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
SHOWN = 5  # names in a finding

Columns = dict[str, list[str | None]]


def columns_beside(members: Members) -> tuple[Columns, tuple[Finding, ...]]:
    """Column -> a text (or None) for each of `members.pictures`, and what was found amiss.

    Raises:
        UserError: If a table of metadata cannot be read.
    """
    columns, notices = _of_tables(members)
    captions = _of_texts(members)
    if any(captions):
        columns.setdefault(CAPTION, captions)
        notices += _texts_alone(members)
    labels = [PurePosixPath(name).parent.name or None for name in members.pictures]
    if len(set(labels)) > 1:
        columns.setdefault(LABEL, labels)
    return columns, tuple(notices)


def _of_tables(members: Members) -> tuple[Columns, list[Finding]]:
    place = {name: number for number, name in enumerate(members.pictures)}
    columns: Columns = {}
    notices: list[Finding] = []
    for name in members.names:
        if PurePosixPath(name).name not in TABLES:
            continue
        table = _read(members, name)
        key = next((each for each in FILE_COLUMNS if each in table.names), None)
        if key is None:
            raise UserError(f"{name} has no column file_name; it has: {', '.join(table.names)}.")
        rows = [place.get(str(PurePosixPath(name).parent / (file or "")), -1) for file in table.strings(key)]
        for column in (each for each in table.names if each != key):
            kept = columns.setdefault(column, [None] * len(place))
            for row, value in zip(rows, table.strings(column), strict=True):
                if row >= 0:
                    kept[row] = value
        if lost := [file or "" for file, row in zip(table.strings(key), rows, strict=True) if row < 0]:
            notices.append(Finding("amber", f"{len(lost)} rows of {name} name pictures that are not there", f"They are left out: {listed(lost, SHOWN)}"))  # fmt: skip
        if bare := sorted(set(place.values()) - set(rows)):
            names = [members.pictures[row] for row in bare]
            notices.append(Finding("amber", f"{len(bare)} pictures have no row in {name}", f"They are kept, without what its columns say: {listed(names, SHOWN)}"))  # fmt: skip
    return columns, notices


def _read(members: Members, name: str) -> Table:
    with tempfile.TemporaryDirectory(prefix="selfsup-metadata-") as folder:
        path = Path(folder) / PurePosixPath(name).name
        path.write_bytes(members.read(name))
        return read_table(path)


def _of_texts(members: Members) -> list[str | None]:
    """`x.txt` as the caption of `x.png`."""
    texts = {name for name in members.names if name.lower().endswith(".txt")}
    beside = (str(PurePosixPath(name).with_suffix(".txt")) for name in members.pictures)
    return [_text(members.read(name)) if name in texts else None for name in beside]


def _texts_alone(members: Members) -> list[Finding]:
    """Captions beside which no picture lies; a README or a licence is none."""
    stems = {str(PurePosixPath(name).with_suffix("")) for name in members.pictures}
    alone = [name for name in members.names if name.lower().endswith(".txt") and name[:-4] not in stems]
    alone = [name for name in alone if PurePosixPath(name).stem.lower() not in NO_CAPTIONS]
    return [Finding("amber", f"{len(alone)} captions have no picture", listed(alone, SHOWN))] if alone else []


def _text(data: bytes) -> str | None:
    """One line, as UTF-8, else as Windows-1252 (with marks for the five bytes that it does not have)."""
    try:
        words = data.decode("utf-8-sig").split()
    except UnicodeDecodeError:
        words = data.decode("cp1252", errors="replace").split()
    return " ".join(words) or None
