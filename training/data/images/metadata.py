"""Captions and labels of images: from a metadata table, text files beside the images, or the names of the folders."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from training.data.arrow_texts import shared
from training.data.images.archive import Members
from training.data.images.caption_files import read_captions
from training.data.images.text_columns import (
    CAPTION_WORDS,
    TextColumns,
    parquet_class_names,
    several_captions,
    text_columns,
)
from training.data.table import Table, read_table
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

TABLES = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.parquet")  # in any case
JSON_ARRAY = "metadata.json"  # if it is an array of records: other programs put settings into such a file
FILE_COLUMNS = ("file_name", "file", "filename", "image", "path")  # in any case
CAPTION, LABEL = "caption", "label"
MAX_NAMES = 5  # in a finding


def read_metadata(members: Members) -> TextColumns:
    """Return the columns beside the images of `members.image_names`, and findings about what does not match.

    Raises:
        UserError: If a table of metadata cannot be read.
    """
    tables = _of_tables(members)
    columns, notices = dict(tables.columns), list(tables.notices)
    captions, findings = read_captions(members)
    if any(captions):
        columns.setdefault(CAPTION, captions)
        notices += findings
    labels = shared(name.rpartition("/")[0].rpartition("/")[2] or None for name in members.image_names)
    if len(set(labels)) > 1:
        columns.setdefault(LABEL, labels)
    return TextColumns(columns, tables.several, tuple(notices))


def _of_tables(members: Members) -> TextColumns:
    merged = TextColumns({}, {})
    notices: list[Finding] = []
    for name in members.names:
        file = PurePosixPath(name).name.lower()
        if file in TABLES or (file == JSON_ARRAY and members.read(name).lstrip()[:1] == b"["):
            notices += [notice for notice in _add_table(members, name, merged) if notice not in notices]
    return TextColumns(merged.columns, merged.several, tuple(notices))


def _add_table(members: Members, name: str, merged: TextColumns) -> list[Finding]:
    """Add the columns of one table to those of the images that its rows name."""
    table, class_names = _read(members, name)
    key = next((column for wanted in FILE_COLUMNS for column in table.names if column.lower() == wanted), None)
    if key is None:
        raise UserError(f"{name} has no column file_name; it has: {', '.join(table.names)}.")
    files, places = table.strings(key), _Places(members.image_names)
    rows = [places.of(PurePosixPath(name).parent, file or "") for file in files]
    if max(rows, default=-1) < 0:  # paths of another machine or folder
        rows = places.of_other_folder(files)
    own, count = text_columns(table, class_names, without=[key]), len(members.image_names)
    is_repeated = len({row for row in rows if row >= 0}) < sum(row >= 0 for row in rows)
    notices = list(own.notices)
    is_read_whole = not is_repeated
    for column, values in own.columns.items():
        _place(merged.columns.setdefault(column, [None] * count), rows, values)
        texts = own.several.get(column)
        if texts is None and is_repeated and any(word in column.lower() for word in CAPTION_WORDS):
            texts = [_alone(text) for text in values]
            notices.append(Finding("green", *several_captions(column)))
        is_read_whole |= texts is not None
        _place_several(merged, column, rows, texts)
    if not is_read_whole:
        notices.append(Finding("amber", f"{name} names some images in several rows", "The last row of each is read."))
    if lost := [file or "" for file, row in zip(files, rows, strict=True) if row < 0]:
        title = f"{len(lost)} rows of {name} name images that are not there"
        notices.append(Finding("amber", title, f"They are left out: {listed(lost, MAX_NAMES)}"))
    if bare := sorted(set(range(count)) - set(rows)):
        names = [members.image_names[row] for row in bare]
        title = f"{len(bare)} images have no row in {name}"
        notices.append(Finding("amber", title, f"They are kept, with empty columns: {listed(names, MAX_NAMES)}"))
    return notices


def _place(target: list, rows: list[int], values: list) -> None:
    for row, value in zip(rows, values, strict=True):
        if row >= 0:
            target[row] = value


def _place_several(merged: TextColumns, column: str, rows: list[int], texts: list[tuple[str, ...]] | None) -> None:
    """Place the captions of all rows of each image, in their order; None where each row has but one caption."""
    values = merged.columns[column]
    if texts is None and column not in merged.several:
        return
    several = merged.several.setdefault(column, [_alone(text) for text in values])
    joined: dict[int, tuple[str, ...]] = {}
    for row, own in zip(rows, texts or [()] * len(rows), strict=True):
        joined[row] = joined.get(row, ()) + own
    for row, own in joined.items():
        if row >= 0:
            values[row] = own[0] if own else values[row]
            several[row] = own or _alone(values[row])


def _alone(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


class _Places:
    """Finds the number of an image by its name in a table: with / or \\, exactly or in another case."""

    def __init__(self, names: Sequence[str]):
        self.exact = {name: index for index, name in enumerate(names)}
        self.any_case = {name.lower(): index for index, name in enumerate(names)}
        self.names = names

    @cached_property
    def alone(self) -> dict[str, int]:
        """Names without folders, and without suffixes too, of which there is one each."""
        short = [PurePosixPath(name.lower()) for name in self.names]
        counts = Counter(key for path in short for key in {path.name, path.stem})
        return {key: n for n, path in enumerate(short) for key in (path.name, path.stem) if counts[key] == 1}

    def of(self, folder: PurePosixPath, file: str) -> int:
        """Return the number of the image, -1 if there is none."""
        name = str(folder / file.strip().replace("\\", "/"))
        return self.exact.get(name, self.any_case.get(name.lower(), -1))

    def of_other_folder(self, files: Sequence[str | None]) -> list[int]:
        """The numbers by names without folders, suffixes and the signs of an address, if each name is of one image."""
        names = [unquote((file or "").strip().replace("\\", "/")) for file in files]
        rows = [self.alone.get(name.rpartition("/")[2].lower(), -1) for name in names]
        found = {row: name for row, name in zip(rows, names, strict=True) if row >= 0}
        is_clear = all(found.get(row, name) == name for row, name in zip(rows, names, strict=True))
        return rows if is_clear else [-1] * len(rows)


def _read(members: Members, name: str) -> tuple[Table, Mapping[str, list[str]]]:
    with tempfile.TemporaryDirectory(prefix="selfsup-metadata-") as folder:
        path = Path(folder) / PurePosixPath(name).name
        path.write_bytes(members.read(name))
        return read_table(path), parquet_class_names(path) if path.suffix.lower() == ".parquet" else {}
