"""What the caches of the studio's home take, and how they are cleared; the list of them is `training.home.CACHES`."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import NamedTuple

from training import files
from training.data import corpora
from training.home import CACHES, cache_folder

WRITING_SECONDS = 3600.0  # since a file under a temporary name changed: a younger one is being written


class Usage(NamedTuple):
    """What a cache takes."""

    entries: int
    size_bytes: int


def usage() -> dict[str, Usage]:
    """Each cache's entries and their bytes, unfinished ones included."""
    return {name: _usage(cache_folder(name)) for name in CACHES}


def clear() -> dict[str, Usage]:
    """Delete what no process is making; files that are mapped stay readable. Returns what was deleted."""
    before = usage()
    corpora.delete_unused()
    for name in CACHES:
        for file in _entries(cache_folder(name)):
            if file.is_file() and not _is_being_written(file):
                file.unlink(missing_ok=True)
    after = usage()
    return {
        name: Usage(was.entries - after[name].entries, was.size_bytes - after[name].size_bytes)
        for name, was in before.items()
    }


def _usage(folder: Path) -> Usage:
    entries = _entries(folder)
    return Usage(len(entries), sum(_size(entry) for entry in entries))


def _entries(folder: Path) -> list[Path]:
    """Folders and files, without locks."""
    found = folder.iterdir() if folder.is_dir() else ()
    return [path for path in found if not path.name.startswith(corpora.LOCK)]


def _size(entry: Path) -> int:
    if entry.is_dir():
        return files.size_bytes(entry)
    with contextlib.suppress(FileNotFoundError):
        return entry.stat().st_size
    return 0


def _is_being_written(file: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        is_temporary = file.name.startswith(".") or file.suffix == ".part"
        return is_temporary and time.time() - file.stat().st_mtime < WRITING_SECONDS
    return True
