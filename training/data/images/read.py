"""Find the pictures in whatever a user has: a folder, a zip, a Parquet file, one picture, a data set of the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.hub_dataset import load_hub_dataset
from training.data.images.archive import SUFFIXES, members_of
from training.data.images.decode import MOST_BYTES
from training.data.images.image_set import ImageSet
from training.data.images.metadata import columns_beside
from training.data.table import Table, fingerprint, read_table
from training.errors import UserError
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TABLE_BYTES = 8 * 2**30
NAME_COLUMNS = ("name", "file_name", "filename", "id")
EXPECTED = "a folder, a zip of one, or a Parquet file with a column of pictures"


def read_images(path: Path) -> ImageSet:
    """Pictures of a folder, a zip archive, a Parquet file with a column of pictures, or of one picture's file.

    In a folder or zip, `metadata.csv` (or .jsonl) with a column file_name gives columns, `x.txt` is the caption of
    `x.png`, and folders' names are the column `label`. In a Parquet file the other columns are.

    Raises:
        UserError: If there are none, or the archive or the table must not be read.
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
        return _of_table(read_table(path, max_bytes=MOST_TABLE_BYTES))
    if path.suffix.lower() in SUFFIXES:
        return ImageSet((path.name,), lambda _: path.read_bytes(), np.arange(1), source=path.name, fingerprint=fingerprint(path))  # fmt: skip
    raise UserError(f"{path.name} holds no pictures that can be read: give {EXPECTED}.")


def read_image_dataset(name: str, split: str = "train") -> ImageSet:
    """Pictures of a data set of the Hub; its other columns stand beside them.

    Raises:
        UserError: If it cannot be loaded, or has no column of pictures.
    """
    return _of_table(load_hub_dataset(name, split), from_hub=True)


def _of_members(path: Path) -> ImageSet:
    members = members_of(path)
    names = members.pictures
    if not names:
        what = ", ".join(members.names[:3]) or "nothing at all"
        raise UserError(f"{members.source} holds no pictures ({what}): PNG, JPEG, WebP, TIFF, BMP, GIF and AVIF are read.")  # fmt: skip
    columns, notices = columns_beside(members)
    digest = fingerprint(path) if path.is_file() else ""
    return ImageSet(names, lambda place: members.read(names[place]), np.arange(len(names)), columns, members.source, digest, notices)  # fmt: skip


def _of_table(table: Table, from_hub: bool = False) -> ImageSet:
    import pyarrow as pa

    found = {name: values for name, values in table.columns.items() if _is_pictures(values.type)}
    if not found:
        raise UserError(f"{table.source} has no column of pictures; it has: {', '.join(table.names)}. Give {EXPECTED}.")
    column, values = next(iter(found.items()))
    notices = list(table.notices)
    if len(found) > 1:
        notices.append(Finding("amber", f"The pictures are taken from {column!r}", f"{', '.join(list(found)[1:])} hold some too."))  # fmt: skip
    columns = {name: table.strings(name) for name, kind in table.columns.items() if _is_plain(kind.type)}
    names = _names(values, columns, len(table))
    structs = pa.types.is_struct(values.type)

    def read(place: int) -> bytes:
        cell: Any = values[place].as_py()
        data = cell.get("bytes") if structs and cell else cell
        if not data and from_hub and structs and cell:
            return _cached(cell.get("path"), names[place])
        if not data:
            raise UserError(f"{names[place]} in {table.source} has no bytes. Store pictures in the file, not their paths.")  # fmt: skip
        return data

    rows = np.arange(len(table))
    return ImageSet(names, read, rows, columns, table.source, table.fingerprint, tuple(notices))


def _cached(path: str | None, name: str) -> bytes:
    """A picture that the Hub's library keeps as a file: only where it keeps them, whatever the data set says."""
    from datasets import config

    places = [Path(place).resolve() for place in (config.HF_DATASETS_CACHE, config.HF_CACHE_HOME)]
    found = Path(path or "").resolve()
    if not path or not found.is_file() or not any(found.is_relative_to(place) for place in places):
        raise UserError(f"{name} has no bytes, and no file of the Hub's cache.")
    if found.stat().st_size > MOST_BYTES:
        raise UserError(f"{name} has more than {MOST_BYTES // 2**20} MiB. It is not read.")
    return found.read_bytes()


def _is_pictures(kind: pa.DataType) -> bool:
    """The Hub's form, a record of bytes and path, or bytes alone."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_plain(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _names(values: pa.ChunkedArray, columns: dict[str, list[str | None]], rows: int) -> tuple[str, ...]:
    """A column of names, else the paths beside the bytes, else the rows' numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    compute: Any = pc
    named = next((columns[name] for name in NAME_COLUMNS if name in columns), None)
    if named is None and pa.types.is_struct(values.type) and values.type.get_field_index("path") >= 0:
        named = compute.struct_field(values, "path").to_pylist()
    return tuple(str(name) if name else f"row {row}" for row, name in enumerate(named or [None] * rows, 1))
