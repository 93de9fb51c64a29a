"""Files and folders: atomic writes, after which a crash leaves the old or the complete new one; sizes; eviction."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Replace a file atomically: temporary file, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder to fill, which then replaces `folder`; after an error the old one is unchanged."""
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        sync(new)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)  # frees disk space, so that the failure itself can be logged
        raise
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def recover(folder: Path) -> None:
    """Undo a `replacing` that was killed between its two renames."""
    old = folder.with_name(folder.name + ".old")
    if old.exists() and not folder.exists():
        old.rename(folder)


def sync(folder: Path) -> None:
    """Flush a folder to the disk: every file and every directory."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def safetensors_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: each tensor's type, shape and place, and `__metadata__`; nothing is loaded."""
    with path.open("rb") as file:
        return json.loads(file.read(int.from_bytes(file.read(8), "little")))


def evict(folder: Path, most_bytes: int, max_age_seconds: float) -> None:
    """Delete the files of a cache that are too old, then the oldest until the rest takes at most so many bytes."""
    newest_first = sorted(((path.stat(), path) for path in folder.iterdir()), key=lambda pair: -pair[0].st_mtime)
    total = 0
    for about, path in newest_first:
        total += about.st_size
        if total > most_bytes or time.time() - about.st_mtime > max_age_seconds:
            path.unlink(missing_ok=True)


def size_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; files deleted meanwhile are skipped."""
    try:
        with os.scandir(folder) as entries:  # three times as quick as pathlib's walk
            return sum(map(_entry_bytes, entries))
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _entry_bytes(entry: os.DirEntry[str]) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            return size_bytes(Path(entry.path))
        return entry.stat(follow_symlinks=False).st_size if entry.is_file() else 0
    except FileNotFoundError:
        return 0  # a checkpoint was rotated out meanwhile
