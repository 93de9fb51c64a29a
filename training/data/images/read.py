"""Read images from a folder, a zip archive, a Parquet file, one image file or a data set of the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.array_files import row_numbers
from training.data.arrow_texts import Texts
from training.data.hub_dataset import load_hub_dataset
from training.data.images.archive import SUFFIXES, members_of
from training.data.images.decode import MAX_FILE_BYTES
from training.data.images.image_set import ImageSet
from training.data.images.metadata import read_metadata
from training.data.images.parquet_images import holds_images, read_parquet_images
from training.data.images.text_columns import parquet_class_names, text_columns
from training.data.table import Table, fingerprint
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import listed

NAME_COLUMNS = ("name", "file_name", "filename", "id")
FORMATS = "PNG, JPEG, WebP, TIFF, BMP, GIF and AVIF"
EXPECTED = "a folder, a zip of one, or a Parquet file with a column of images"


def read_images(path: Path) -> ImageSet:
    """Read a folder, a zip archive, a Parquet file with a column of images, or one image file.

    In a folder or zip, `metadata.csv` (or .jsonl) with a column file_name gives columns, `x.txt` or `x.caption` is the
    caption of `x.png`, and names of folders are the column `label`. Of a Parquet file the other columns are taken;
    class numbers become the names that `datasets` keeps in its metadata.

    Raises:
        UserError: If there are none, or the archive or the table is refused.
    """
    if path.is_dir():
        return _of_members(path)
    if not path.is_file():
        raise UserError(f"There is no file {path.name}.")
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"PK\x03\x04" or path.suffix.lower() == ".zip":
        return _of_members(path)
    if head == b"PAR1" or path.suffix.lower() == ".parquet":
        return _of_parquet(path)
    if path.suffix.lower() in SUFFIXES:
        digest = fingerprint(path)
        return ImageSet((path.name,), lambda _: path.read_bytes(), np.arange(1), source=path.name, fingerprint=digest)
    raise UserError(f"{path.name} holds no images that can be read: give {EXPECTED}.")


def read_image_dataset(name: str, split: str = "train") -> ImageSet:
    """Read the images of a data set of the Hub, with its other columns.

    Raises:
        UserError: If it cannot be loaded, or has no column of images.
    """
    return _of_dataset(load_hub_dataset(name, split))


def _of_members(path: Path) -> ImageSet:
    members = members_of(path)
    names = members.image_names
    if not names:
        what = ", ".join(members.names[:3]) or "nothing at all"
        raise UserError(f"{members.source} holds no images ({what}): {FORMATS} are read.")
    beside = read_metadata(members)
    digest = fingerprint(path) if path.is_file() else ""
    rows = row_numbers(len(names))
    notices = beside.notices
    if unread := members.unread_images():
        title = f"{len(unread):,} images of other formats are left out"
        notices = (*notices, Finding("amber", title, f"{listed(unread, 5)}: {FORMATS} are read. Convert them."))
    texts, read = (beside.columns, beside.several), lambda index: members.read(names[index])
    return ImageSet(names, read, rows, *texts, members.source, digest, notices)


def _of_parquet(path: Path) -> ImageSet:
    file = read_parquet_images(path)
    beside = text_columns(file.table, parquet_class_names(path))
    names = _names(file.paths, beside.columns, len(file.table))

    def read(index: int) -> bytes:
        if data := file.read(index):
            return data
        raise UserError(f"{names[index]} in {path.name} has no bytes. Store images in the file, not their paths.")

    notices = (*_chosen(file.columns), *beside.notices)
    rows, table = row_numbers(len(file.table)), file.table
    return ImageSet(names, read, rows, beside.columns, beside.several, path.name, table.fingerprint, notices)


def _of_dataset(table: Table) -> ImageSet:
    """Images in the files of the library `datasets`, which it maps."""
    found = [name for name, values in table.columns.items() if holds_images(values.type)]
    if not found:
        raise UserError(f"{table.source} has no column of images; it has: {', '.join(table.names)}. Give {EXPECTED}.")
    values, beside = table.columns[found[0]], text_columns(table, {}, without=found)
    structs, compute = pa.types.is_struct(values.type), cast(Any, pc)
    has_paths = structs and values.type.get_field_index("path") >= 0
    names = _names(compute.struct_field(values, "path") if has_paths else None, beside.columns, len(table))

    def read(index: int) -> bytes:
        cell: Any = values[index].as_py()
        data = cell.get("bytes") if structs and cell else cell
        if not data and structs and cell:
            return _cached(cell.get("path"), names[index])
        if not data:
            raise UserError(f"{names[index]} in {table.source} has no bytes.")
        return data

    notices = (*table.notices, *_chosen(found), *beside.notices)
    rows = row_numbers(len(table))
    return ImageSet(names, read, rows, beside.columns, beside.several, table.source, table.fingerprint, notices)


def _chosen(columns: Sequence[str]) -> list[Finding]:
    """Which of several columns of images is read."""
    if len(columns) < 2:
        return []
    detail = f"{', '.join(columns[1:])} hold some too."
    return [Finding("amber", f"The images are taken from {columns[0]!r}", detail)]


def _cached(path: str | None, name: str) -> bytes:
    """Read an image that `datasets` keeps as a file; only from its cache, whatever path the data set names."""
    from datasets import config

    caches = [Path(folder).resolve() for folder in (config.HF_DATASETS_CACHE, config.HF_CACHE_HOME)]
    file = Path(path or "").resolve()
    if not path or not file.is_file() or not any(file.is_relative_to(cache) for cache in caches):
        raise UserError(f"{name} has no bytes, and no file of the Hub's cache.")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{name} has more than {MAX_FILE_BYTES // 2**20} MiB. It is not read.")
    return file.read_bytes()


def _names(paths: pa.ChunkedArray | None, columns: dict[str, list[str | None]], rows: int) -> Texts:
    """Return a column of names, else the paths beside the bytes, else row numbers."""
    named = next((columns[name] for name in NAME_COLUMNS if name in columns), None)
    given = named if named is not None else _iterated(paths) if paths is not None else repeat(None, rows)
    return Texts(str(name) if name else f"row {row}" for row, name in enumerate(given, 1))


def _iterated(values: pa.ChunkedArray) -> Iterator[str | None]:
    for chunk in values.chunks:
        yield from chunk.to_pylist()
