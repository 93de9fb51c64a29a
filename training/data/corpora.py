"""Corpora made once and kept under the studio's home, so that ranks, resumes and later runs map the same files.

An entry is a folder, named by what it was made of: data, tokenizer, settings. One process makes it while the others
wait for its lock; it is filled under another name and renamed, so that a stop or a kill leaves nothing half-made. The
kernel releases the lock of a process that dies. Entries are copies of users' data: those that nobody has used for a
while are deleted, and so is the one used longest ago where all together take too much of the disk.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from training import files
from training.errors import UserError
from training.home import cache_folder, is_shared

MAX_AGE_SECONDS, MAX_SHARED_AGE_SECONDS = 30 * 86_400.0, 86_400.0  # since the last use
MAX_SHARE_OF_DISK = 0.5  # of what is free or taken by corpora
SIZES = "sizes.json"  # of an entry's files, written last
LOCK, LOCKS = ".lock-", 256  # lock files, shared by the entries; a lock of each entry's own could never be deleted
FULL_DISK = "No space left"  # in what Arrow says

Made = TypeVar("Made")


def corpora_folder() -> Path:
    return cache_folder("corpora")


def key_of(**parts: object) -> str:
    """A name for what these values determine; equal values give an equal name in every process."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def kept(kind: str, key: str, make: Callable[[Path], None], load: Callable[[Path], Made]) -> Made:
    """Load an entry, made first if there is none or it is damaged; other processes wait meanwhile.

    Args:
        kind: What it holds, such as "documents"; the beginning of the folder's name.
        key: What it is made of, as `key_of` names it.
        make: Fills a new folder. It must not ask for another entry: two that wait for each other never end.
        load: Opens the files, which may be deleted afterwards: what is mapped stays readable.

    Raises:
        UserError: The disk is full; nothing half-made is left.
    """
    folder = corpora_folder() / f"{kind}-{key}"
    corpora_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(folder):
        if _is_whole(folder):
            with contextlib.suppress(OSError, ValueError, pa.ArrowException):
                loaded = load(folder)
                os.utime(folder)
                return loaded
        with _full_disk_in_words(), files.replacing(folder) as new:
            make(new)
            files.write_json(new / SIZES, _sizes(new))
        loaded = load(folder)
    _evict(keep=folder)
    return loaded


@contextlib.contextmanager
def _full_disk_in_words() -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        is_full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or FULL_DISK in str(error)
        if not is_full:
            raise
        raise UserError(
            "The disk is full: the files that training reads are not made, and no part of them is left. Delete old "
            "runs, or what the studio keeps (python -m training cache --clear), then start again or resume."
        ) from error


def delete_unused() -> None:
    """Delete every entry that no process is making."""
    for entry in _entries():
        _delete(entry)


def _evict(keep: Path) -> None:
    """Delete what is too old, and what was used longest ago until the rest takes its share of the disk at most."""
    entries = sorted((entry for entry in _entries() if entry != keep), key=_last_use, reverse=True)
    sizes = {entry: files.size_bytes(entry) for entry in entries}
    total = files.size_bytes(keep)
    room = (shutil.disk_usage(corpora_folder()).free + total + sum(sizes.values())) * MAX_SHARE_OF_DISK
    oldest = time.time() - (MAX_SHARED_AGE_SECONDS if is_shared() else MAX_AGE_SECONDS)
    for entry in entries:
        total += sizes[entry]
        if total > room or _last_use(entry) < oldest:
            _delete(entry)


def _entries() -> list[Path]:
    folder = corpora_folder()
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _last_use(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _delete(entry: Path) -> None:
    """Delete an entry or the rest of one, unless a process makes it just now."""
    with contextlib.suppress(BlockingIOError), _locked(entry.with_suffix(""), wait=False):
        shutil.rmtree(entry, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    try:
        return json.loads((folder / SIZES).read_text()) == _sizes(folder)
    except (OSError, ValueError):
        return False


def _sizes(folder: Path) -> Mapping[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != SIZES}


@contextlib.contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of an entry.

    Raises:
        BlockingIOError: Another process holds it, and `wait` is false.
    """
    number = int(hashlib.sha256(folder.name.encode()).hexdigest(), 16) % LOCKS
    descriptor = os.open(folder.with_name(f"{LOCK}{number:03}"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
