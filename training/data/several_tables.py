"""Several tables as one file: a zip of them, or on the command line a folder."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from training.data.images.archive import Members, members_of
from training.data.table import Table, read_table
from training.errors import UserError

MAX_TABLES = 20


def read_tables(path: Path) -> list[Table]:
    """Read one table, or each of a zip or folder, in the order of their names.

    Raises:
        UserError: If one of them cannot be read, there is none, or there are more than `MAX_TABLES`.
    """
    if not path.is_dir() and path.suffix.lower() != ".zip":
        return [read_table(path)]
    members = members_of(path)
    if not len(members.names):
        raise UserError(f"{path.name} has no file in it: put tables there (CSV, TSV, JSONL or Parquet).")
    if len(members.names) > MAX_TABLES:
        raise UserError(f"{path.name} has {len(members.names):,} files; at most {MAX_TABLES} are read: leave some out.")
    return [_read_member(members, name) for name in members.names]


def _read_member(members: Members, name: str) -> Table:
    with tempfile.TemporaryDirectory(prefix="selfsup-") as folder:
        copy = Path(folder) / PurePosixPath(name).name
        copy.write_bytes(members.read(name))
        return replace(read_table(copy), source=name)
