"""Images of a Parquet file, copied once into a flat file from which any of them is read alone.

A Parquet file is compressed by pages of many rows, so that one image cannot be read without its neighbours. The bytes
of the images lie in the studio's corpora one after the other, found by their ends: 8 bytes of memory an image.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.array_files import ArrayWriter, map_array, row_numbers
from training.data.arrow import plain, plain_columns
from training.data.corpora import kept, key_of
from training.data.images.decode import MAX_FILE_BYTES
from training.data.progress import report
from training.data.table import Table, readable
from training.data.table_cache import file_fingerprint
from training.data.table_format import parquet_tables
from training.errors import UserError
from training.home import is_shared

VERSION = 1  # of the files; raise it when they change
ROWS = 256  # in memory at once
MAX_BYTES, MAX_SHARED_BYTES = 2**42, 8 * 2**30  # of a file
IMAGES, BESIDE = "images.bin", "beside.arrow"
COLUMNS = b"image columns"  # in the metadata of the table beside the images
PATH = "\0path"  # the column of that table which holds the paths beside the bytes
COPYING = "Copying the images"


class ParquetImages(NamedTuple):
    """What a Parquet file with images holds.

    Args:
        table: The other columns.
        columns: The columns that hold images; the first is read.
        paths: Beside the bytes, one (or None) a row; None where the column holds bytes alone.
        read: Row -> the file's bytes, empty where there are none.
    """

    table: Table
    columns: tuple[str, ...]
    paths: pa.ChunkedArray | None
    read: Callable[[int], bytes]


def holds_images(kind: pa.DataType) -> bool:
    """Whether a column has the Hub's form of images, a record of bytes and path, or bytes alone."""
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def read_parquet_images(path: Path) -> ParquetImages:
    """Map the images of a file, copied first if they were not yet.

    Raises:
        UserError: If the file is damaged or too large, or no column holds images.
    """
    with readable(path):
        most = MAX_SHARED_BYTES if is_shared() else MAX_BYTES
        if path.stat().st_size > most:
            raise UserError(f"{path.name} has more than {most // 2**30} GiB. Take a part of it.")
        digest = file_fingerprint(path)
        key = key_of(version=VERSION, content=digest)
        return kept("images", key, lambda folder: _copy(path, folder), lambda folder: _load(folder, path.name, digest))


def _copy(path: Path, folder: Path) -> None:
    done, writer = 0, None
    try:
        with (folder / IMAGES).open("wb") as images, ArrayWriter(folder, "ends", np.int64) as ends:
            for rows in parquet_tables(path, None, ROWS):
                beside, cells = _apart(rows, path.name)
                writer = writer or pa.ipc.new_file(str(folder / BESIDE), beside.schema)
                writer.write_table(beside)
                sizes = [images.write(cell) for cell in _checked(cells, path.name)]
                ends.append(images.tell() - sum(sizes) + np.cumsum(sizes, dtype=np.int64))
                done += len(rows)
                report(COPYING, done, done + 1)
    finally:
        if writer is not None:
            writer.close()


def _apart(rows: pa.Table, source: str) -> tuple[pa.Table, list[bytes | None]]:
    """The columns beside the images, and the bytes of the images."""
    columns = plain_columns(rows)
    found = [name for name, values in columns.items() if holds_images(values.type)]
    if not found:
        names = ", ".join(columns)
        raise UserError(
            f"{source} has no column of images; it has: {names}. Give a folder, a zip of one, or a Parquet file with "
            "a column of images."
        )
    values = plain(rows.column(found[0]))
    beside = {name: column for name, column in columns.items() if name not in found}
    compute: Any = pc
    if pa.types.is_struct(values.type):
        if values.type.get_field_index("path") >= 0:
            beside[PATH] = compute.struct_field(values, "path")
        values = compute.struct_field(values, "bytes")
    if not beside:
        beside[PATH] = pa.chunked_array([pa.nulls(len(rows), pa.string())])
    table = pa.table(beside)
    return table.replace_schema_metadata({COLUMNS: "\0".join(found)}), values.to_pylist()


def _checked(cells: list[bytes | None], source: str) -> list[bytes]:
    if any(cell and len(cell) > MAX_FILE_BYTES for cell in cells):
        raise UserError(f"{source} has an image of more than {MAX_FILE_BYTES // 2**20} MiB: no image does.")
    return [cell or b"" for cell in cells]


def _load(folder: Path, source: str, digest: str) -> ParquetImages:
    ends = map_array(folder, "ends")
    beside = pa.ipc.open_file(pa.memory_map(str(folder / BESIDE))).read_all()
    about: Mapping[bytes, bytes] = beside.schema.metadata or {}
    columns = {name: beside.column(name) for name in beside.column_names if name != PATH}
    table = Table(columns, row_numbers(len(beside)) + 1, (), source, digest)
    paths = beside.column(PATH) if PATH in beside.column_names else None
    return ParquetImages(table, tuple(about[COLUMNS].decode().split("\0")), paths, _FlatFile(folder / IMAGES, ends))


class _FlatFile:
    """Reads pieces of a file by their ends; threads and forks can share it, and the file may be deleted."""

    def __init__(self, path: Path, ends: np.ndarray):
        self.ends = ends
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __call__(self, row: int) -> bytes:
        start = int(self.ends[row - 1]) if row else 0
        return os.pread(self._file, int(self.ends[row]) - start, start)
