"""Verify downloads against the Hub's checksums; verified files are not hashed again.

`HfApi.verify_repo_checksums` does not serve here: it lists the repository once more, and hashes every file at every
pull, in one thread, those that were not asked for too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.files import sha256, write_json

THREADS = 4  # hashing releases the GIL; one file is hashed by one thread


def verify_checksums(folder: Path, files: Iterable[Any], repo: str, fetch_again: Callable[[str], object]) -> None:
    """Compare files with the Hub's checksums; the client compares sizes only.

    A file that differs is fetched once more, bypassing every cache, and refused if it differs again. Files that
    `mark_verified` has recorded, and that have not changed since, are not read.

    Args:
        files: The client's file records, with size, `lfs.sha256` and `blob_id`.
        fetch_again: Downloads the file of that name again.

    Raises:
        UserError: Naming the file that differed twice.
    """
    verified = _read(folder)
    present = [file for file in files if (folder / file.rfilename).is_file()]
    unverified = [file for file in present if verified.get(file.rfilename) != _stamp(folder / file.rfilename)]

    def check(file: Any) -> None:
        path = folder / file.rfilename
        if is_whole(path, file):
            return
        fetch_again(file.rfilename)
        if not is_whole(path, file):
            path.resolve().unlink()
            raise UserError(
                f"{file.rfilename} of {repo} does not match the Hub's checksum, twice: it is altered on the way. "
                "Pull again."
            )

    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(check, unverified))


def mark_verified(folder: Path, names: Iterable[str]) -> None:
    """Record beside a snapshot that it is complete and verified."""
    path = _record_file(folder)
    path.parent.mkdir(exist_ok=True)
    write_json(path, {name: _stamp(folder / name) for name in names})


def is_verified(folder: Path) -> bool:
    """Whether a snapshot was verified as a whole, and is unchanged since."""
    verified = _read(folder)
    return bool(verified) and all(_stamp(folder / name) == stamp for name, stamp in verified.items())


def is_whole(path: Path, file: Any) -> bool:
    """Compare the SHA-256 of a large file (LFS), or git's object id of a small one."""
    if file.lfs:
        return sha256(path) == file.lfs.sha256
    content = path.read_bytes()
    return not file.blob_id or hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id


def _stamp(path: Path) -> list[int]:
    """What changes when a file is written: size, time of change, inode."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _record_file(folder: Path) -> Path:
    return folder.parents[1] / "checked" / f"{folder.name}.json"


def _read(folder: Path) -> dict[str, list[int]]:
    try:
        verified = json.loads(_record_file(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not pulled by the studio, or torn: then all is hashed again
        return {}
    return verified if isinstance(verified, dict) else {}
