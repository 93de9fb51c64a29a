"""Parsed tables kept as Arrow files, so that the data sheet, the trial steps and the trainer share one parse.

A file's parsed form lies in `data/.parsed/` of the run that has copied the file, before that in `parsed/` of the
studio's home. It is found by the file's size and time of change, and memory-mapped, so that processes share its pages.
Only this reader writes there: a backup holds no `.parsed` folder and a restored run is parsed anew, because an Arrow
file is trusted when it is mapped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from training.data.table import Table, fingerprint, read_table
from training.data.table_format import MAX_BYTES
from training.home import home
from training.preflight.sheet import Finding

VERSION = 2  # of what the reader makes of a file; raise it when the cells, lines or notices of the same file change
FOLDER = ".parsed"
RUN_FILES = ("config.yaml", "events.jsonl", "owner")  # by which a run's folder is known
MAX_CACHE_BYTES = 2 * 2**30  # in the studio's home; the oldest tables are deleted
MAX_AGE_SECONDS = 86_400.0  # in the studio's home, since they are copies of users' data
MAX_SHARE_OF_DISK = 0.5  # of what is free
METADATA = b"selfsup"


def read_training_table(path: Path, *, max_bytes: int = MAX_BYTES) -> Table:
    """Read a table as `read_table` does, or map the parsed table of an earlier call, also of another process.

    Raises:
        UserError: As `read_table`.
    """
    cached, identity = _place(path), _identity(path)
    if identity and identity["size"] <= max_bytes and (table := _load(cached, path, identity)):
        return table
    table = read_table(path, max_bytes=max_bytes)
    if identity == _identity(path):  # else it was written while it was read
        _store(table, cached, identity)
    return table


def file_fingerprint(path: Path) -> str:
    """Return what `fingerprint` does, without reading the file where its table is cached."""
    rows, identity = _map(_place(path)), _identity(path)
    about = _metadata(rows.schema) if rows else {}
    return about["fingerprint"] if about and about["identity"] == identity else fingerprint(path)


def carry_over(source: Path, copy: Path) -> None:
    """Give the parsed form of a file to a run's copy of it, and to the copy the file's time of change."""
    about, cached = source.stat(), _place(source)
    os.utime(copy, ns=(about.st_atime_ns, about.st_mtime_ns))
    if not cached.is_file():
        return
    target = _run_place(copy)
    with contextlib.suppress(OSError):  # without it the run parses the file itself
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(cached, target)
        except OSError:  # another disk
            shutil.copyfile(cached, target)


def _identity(path: Path) -> dict[str, Any]:
    """Return what identifies a file's content, and what else its table depends on; empty if there is no file."""
    try:
        about = path.stat()
    except OSError:
        return {}
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return {"version": VERSION, "size": about.st_size, "mtime_ns": about.st_mtime_ns, "suffixes": suffixes}


def _place(path: Path) -> Path:
    """Return where a file's table is cached: beside a run's copy, else in the studio's home."""
    folder = path.resolve().parent
    is_of_run = folder.name == "data" and all((folder.parent / name).is_file() for name in RUN_FILES)
    return _run_place(path) if is_of_run else _home_place(path)


def _run_place(path: Path) -> Path:
    return path.resolve().parent / FOLDER / f"{path.name}.arrow"


def _home_place(path: Path) -> Path:
    return home() / "parsed" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.arrow"


def _load(cached: Path, path: Path, identity: dict[str, Any]) -> Table | None:
    """The cached table of a file; None if there is none, it is of another content, or it is damaged."""
    rows = _map(cached)
    about = _metadata(rows.schema) if rows else {}
    if rows is None or not about or about["identity"] != identity:
        return None
    *names, _ = rows.column_names
    columns = {name: rows.column(number) for number, name in enumerate(names)}
    notices = tuple(Finding(**notice) for notice in about["notices"])
    return Table(columns, rows.column(len(names)).to_numpy(), notices, path.name, about["fingerprint"])


def _map(cached: Path) -> pa.Table | None:
    """Memory-map an Arrow file; None if there is none, or it is damaged."""
    try:
        return pa.ipc.open_file(pa.memory_map(str(cached))).read_all()
    except (OSError, pa.ArrowException):
        return None


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    text = (schema.metadata or {}).get(METADATA)
    return json.loads(text) if text else {}


def _store(table: Table, target: Path, identity: dict[str, Any]) -> None:
    """Cache a table; if the disk is full or the folder read-only, it is parsed again next time."""
    about = {
        "identity": identity,
        "fingerprint": table.fingerprint,
        "notices": [asdict(notice) for notice in table.notices],
    }
    lines = pa.chunked_array([pa.array(table.lines, pa.int64())])
    rows = pa.Table.from_arrays([*table.columns.values(), lines], names=[*table.columns, "line"])
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        if _has_room(target.parent, rows.nbytes):
            _write(rows.replace_schema_metadata({METADATA: json.dumps(about)}), target)


def _has_room(folder: Path, needed: int) -> bool:
    """Whether a table of so many bytes may be cached; in the studio's home old ones give way to it."""
    if folder == home() / "parsed":
        _evict(folder, MAX_CACHE_BYTES - needed)
        if needed > MAX_CACHE_BYTES:
            return False
    return needed < shutil.disk_usage(folder).free * MAX_SHARE_OF_DISK


def _evict(folder: Path, size: int) -> None:
    """Delete tables that are too old, then the oldest until the rest takes at most `size` bytes."""
    newest_first = sorted(((path.stat(), path) for path in folder.iterdir()), key=lambda pair: -pair[0].st_mtime)
    total = 0
    for about, path in newest_first:
        total += about.st_size
        if total > size or time.time() - about.st_mtime > MAX_AGE_SECONDS:
            path.unlink(missing_ok=True)


def _write(rows: pa.Table, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            with pa.ipc.new_file(file, rows.schema) as writer:
                writer.write_table(rows)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
