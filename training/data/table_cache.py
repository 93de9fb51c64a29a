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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from training import files
from training.data.array_files import joined
from training.data.progress import report
from training.data.table import Table, fingerprint, read_table, readable
from training.data.table_format import MAX_BYTES, read_chunks
from training.home import cache_folder, is_shared
from training.preflight.sheet import Finding

VERSION = 5  # of what the reader makes of a file; raise it when the cells, lines or notices of the same file change
FOLDER = ".parsed"
RUN_FILES = ("config.yaml", "events.jsonl", "owner")  # by which a run's folder is known
MAX_CACHE_BYTES, MAX_SHARED_CACHE_BYTES = 2**37, 2 * 2**30  # in the studio's home; the oldest tables are deleted
MAX_AGE_SECONDS = 86_400.0  # in the studio's home, since they are copies of users' data
MAX_SHARE_OF_DISK = 0.5  # of what is free
METADATA = b"selfsup"
LINE = "line"  # the last column, on which line each row begins
STREAMED_BYTES = 64 * 2**20  # of a file that is parsed piece by piece
STREAMED_GROWTH = 3  # times its size that its Arrow file may take
READING = "Reading the table"


def read_training_table(path: Path, *, max_bytes: int = MAX_BYTES) -> Table:
    """Read a table as `read_table` does, or map the parsed table of an earlier call, also of another process.

    Raises:
        UserError: As `read_table`.
    """
    cached, identity = _place(path), _identity(path)
    if identity and identity["size"] <= max_bytes and (table := _load(cached, path, identity)):
        return table
    is_large = bool(identity) and identity["size"] >= STREAMED_BYTES
    if is_large and _stream(path, cached, identity, max_bytes) and (table := _load(cached, path, identity)):
        return table
    table = read_table(path, max_bytes=max_bytes)
    if identity == _identity(path):  # else it was written while it was read
        _store(table, cached, identity)
    return table


def file_fingerprint(path: Path) -> str:
    """Return what `fingerprint` does, without reading the file where its table is cached."""
    _, about = _map(_place(path))
    return about["fingerprint"] if about and about["identity"] == _identity(path) else fingerprint(path)


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
    return cache_folder("parsed") / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.arrow"


def _load(cached: Path, path: Path, identity: dict[str, Any]) -> Table | None:
    """The cached table of a file; None if there is none, it is of another content, or it is damaged."""
    rows, about = _map(cached)
    if rows is None or not about or about["identity"] != identity:
        return None
    *names, _ = rows.column_names
    columns = {name: rows.column(number) for number, name in enumerate(names)}
    notices = tuple(Finding(**notice) for notice in about["notices"])
    lines = joined([chunk.to_numpy() for chunk in rows.column(len(names)).chunks] or [np.zeros(0, np.int64)])
    return Table(columns, lines, notices, path.name, about["fingerprint"])


def _map(cached: Path) -> tuple[pa.Table | None, dict[str, Any]]:
    """Memory-map an Arrow file, and what is said of it; None and nothing if there is none, or it is damaged."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(cached)))
        _, about = reader.get_batch_with_custom_metadata(reader.num_record_batches - 1)
        return reader.read_all(), json.loads(about[METADATA]) if about else {}
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None, {}


def _stream(path: Path, target: Path, identity: dict[str, Any], max_bytes: int) -> bool:
    """Parse a large file straight into its Arrow file, so that only a part of it is in memory.

    Returns:
        Whether that was done; where the disk has no room, it was not.

    Raises:
        UserError: As `read_table`.
    """
    with readable(path):
        chunks, notices = read_chunks(path, max_bytes)
        digest = fingerprint(path)

    def batches() -> Iterator[pa.Table]:
        read = 0
        for columns, lines in chunks:
            table = pa.table({**columns, LINE: pa.array(lines, pa.int64())})
            read += table.nbytes
            report(READING, read, max(read + 1, identity["size"]))
            yield table

    with contextlib.suppress(OSError, pa.ArrowException):
        target.parent.mkdir(parents=True, exist_ok=True)
        if _has_room(target.parent, STREAMED_GROWTH * identity["size"]):
            _write(batches(), target, lambda: _about(identity, digest, notices))
            return identity == _identity(path)  # else it was written while it was read
    return False


def _about(identity: dict[str, Any], digest: str, notices: Sequence[Finding]) -> dict[str, Any]:
    return {"identity": identity, "fingerprint": digest, "notices": [asdict(notice) for notice in notices]}


def _store(table: Table, target: Path, identity: dict[str, Any]) -> None:
    """Cache a table; if the disk is full or the folder read-only, it is parsed again next time."""
    lines = pa.chunked_array([pa.array(table.lines, pa.int64())])
    rows = pa.Table.from_arrays([*table.columns.values(), lines], names=[*table.columns, LINE])
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        if _has_room(target.parent, rows.nbytes):
            _write([rows], target, lambda: _about(identity, table.fingerprint, table.notices))


def _has_room(folder: Path, needed: int) -> bool:
    """Whether a table of so many bytes may be cached; in the studio's home old ones give way to it."""
    free = shutil.disk_usage(folder).free
    if folder == cache_folder("parsed"):
        most = MAX_SHARED_CACHE_BYTES if is_shared() else min(MAX_CACHE_BYTES, int(free * MAX_SHARE_OF_DISK))
        files.evict(folder, most - needed, MAX_AGE_SECONDS)
        if needed > most:
            return False
    return needed < free * MAX_SHARE_OF_DISK


def _write(tables: Iterable[pa.Table], target: Path, about: Callable[[], dict[str, Any]]) -> None:
    """Write tables as one.

    Args:
        about: What is said of them, asked for at the end, since notices come while a file is read. It is the metadata
            of a last batch without rows.
    """
    temporary, writer = target.with_name(f".{target.name}.{os.getpid()}"), None
    try:
        with temporary.open("wb") as file:
            last = pa.record_batch([])
            for table in tables:
                if writer is None:
                    writer, last = pa.ipc.new_file(file, table.schema), pa.RecordBatch.from_pylist([], table.schema)
                writer.write_table(table)
            if writer is None:
                return
            writer.write_batch(last, custom_metadata={METADATA: json.dumps(about())})
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
