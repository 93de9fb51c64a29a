"""Fetched files against the Hub's checksums: every byte once, and no byte twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.files import write_json

THREADS = 4  # hashing leaves Python's lock; one file is hashed by one thread


def verify_checksums(folder: Path, files: Iterable[Any], repo: str, fetch_again: Callable[[str], object]) -> None:
    """The client compares sizes only. A file that differs is fetched once more, past every cache; then it is refused.

    What `note` noted is not read again.

    Args:
        files: The client's records with size, `lfs.sha256` and `blob_id`.
        fetch_again: Downloads the file of that name anew.

    Raises:
        UserError: Naming the file that is altered each time.
    """
    known = _read(folder)
    present = [file for file in files if (folder / file.rfilename).is_file()]
    unknown = [file for file in present if known.get(file.rfilename) != _stamp(folder / file.rfilename)]

    def check(file: Any) -> None:
        path = folder / file.rfilename
        if is_whole(path, file):
            return
        fetch_again(file.rfilename)
        if not is_whole(path, file):
            path.resolve().unlink()
            raise UserError(
                f"{file.rfilename} of {repo} does not match the Hub's checksum, twice: it is altered on the way. Pull again."
            )

    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(check, unknown))


def mark_verified(folder: Path, names: Iterable[str]) -> None:
    """Keep beside a snapshot that it is here as a whole and was checked."""
    path = _notes(folder)
    path.parent.mkdir(exist_ok=True)
    write_json(path, {name: _stamp(folder / name) for name in names})


def is_verified(folder: Path) -> bool:
    """Whether a snapshot was found whole before, and is as it was."""
    known = _read(folder)
    return bool(known) and all(_stamp(folder / name) == stamp for name, stamp in known.items())


def is_whole(path: Path, file: Any) -> bool:
    """By the SHA-256 of a large file, by git's object id of a small one."""
    if file.lfs:
        return sha256(path) == file.lfs.sha256
    content = path.read_bytes()
    return not file.blob_id or hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id


def sha256(path: Path) -> str:
    """The file's SHA-256, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> list[int]:
    """What changes when a file is written: size, time, place on the disk."""
    try:
        about = path.stat()
    except OSError:
        return []
    return [about.st_size, about.st_mtime_ns, about.st_ino]


def _notes(folder: Path) -> Path:
    return folder.parents[1] / "checked" / f"{folder.name}.json"


def _read(folder: Path) -> dict[str, list[int]]:
    try:
        known = json.loads(_notes(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # never pulled by us, or torn: then all is read again
        return {}
    return known if isinstance(known, dict) else {}
