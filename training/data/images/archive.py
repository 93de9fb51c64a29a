"""Files of a folder or a zip archive: listed and checked first, read on access."""

from __future__ import annotations

import os
import threading
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from training.data.images.decode import MAX_FILE_BYTES
from training.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif")
MAX_FILES = 500_000
MAX_UNPACKED_BYTES = 20 * 2**30
IGNORED_PREFIXES = ("__MACOSX", ".")  # of names of files and folders that systems and tools create


class Members(ABC):
    """Files by name (with / between folders), sorted, without hidden ones."""

    names: tuple[str, ...]
    source: str

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Read one file.

        Raises:
            UserError: If it is too large or damaged.
        """

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the images, known by their suffix."""
        return tuple(name for name in self.names if name.lower().endswith(SUFFIXES))


class FolderMembers(Members):
    """Files below a folder; links are followed only within it."""

    def __init__(self, folder: Path):
        self.folder, self.source = folder.resolve(), folder.name
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        inside = (path for path in paths if path.resolve().is_relative_to(self.folder))
        self.names = _visible(path.relative_to(self.folder).as_posix() for path in inside)

    def read(self, name: str) -> bytes:
        path = self.folder / name
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise _too_large(name)
            return path.read_bytes()
        except OSError as error:
            raise UserError(f"{name} cannot be read: {error.strerror}.") from error


class ZipMembers(Members):
    """Files of a zip archive, which is never unpacked to the disk."""

    def __init__(self, path: Path):
        self.path, self.source = path, path.name
        self.infos = _checked(path)
        self.names = _visible(self.infos)
        self._local = threading.local()  # one handle per thread, since reads of one handle exclude each other

    def read(self, name: str) -> bytes:
        try:
            return self._handle().read(self.infos[name])
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, RuntimeError, ValueError) as error:
            reason = f"is damaged ({type(error).__name__}). Make the zip again."
            raise UserError(f"{name} in {self.source} {reason}") from error

    def _handle(self) -> zipfile.ZipFile:
        process, handle = getattr(self._local, "handle", (0, None))
        if handle is None or process != os.getpid():  # after a fork, parent and child share the file's position
            handle = zipfile.ZipFile(self.path)
            self._local.handle = os.getpid(), handle
        return handle


def members_of(path: Path) -> Members:
    """Open a folder or a zip archive.

    Raises:
        UserError: If it is neither, or an unsafe archive.
    """
    return FolderMembers(path) if path.is_dir() else ZipMembers(path)


def _checked(path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive after safety checks: no name that leaves it, no bomb, no password.

    Raises:
        UserError: Naming the archive and the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path.name} is a damaged zip archive. Copy or make it again.") from error
    if len(infos) > MAX_FILES:
        raise UserError(f"{path.name} has {len(infos):,} files; at most {MAX_FILES:,} are read.")
    for info in infos:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if not parts or ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise UserError(
                f"{path.name} has a file that leaves the archive ({info.filename[:80]!r}): nothing of it is read. "
                "Make the zip again from inside the folder."
            )
        if info.flag_bits & 1:
            raise UserError(f"{path.name} is encrypted ({info.filename[:80]!r}). Make it without a password.")
        if info.file_size > MAX_FILE_BYTES:
            raise _too_large(f"{info.filename[:80]} in {path.name}")
    if sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
        raise UserError(f"{path.name} unpacks to more than {MAX_UNPACKED_BYTES // 2**30} GiB. Take a part of it.")
    return {info.filename: info for info in infos}


def _visible(names: Iterable[str]) -> tuple[str, ...]:
    visible = [name for name in names if not _is_ignored(name)]
    if len(visible) > MAX_FILES:
        raise UserError(f"There are {len(visible):,} files; at most {MAX_FILES:,} are read.")
    return tuple(sorted(visible))


def _is_ignored(name: str) -> bool:
    return any(part.startswith(IGNORED_PREFIXES) for part in PurePosixPath(name).parts)


def _too_large(name: str) -> UserError:
    return UserError(f"{name} unpacks to more than {MAX_FILE_BYTES // 2**20} MiB: no image does. It is not read.")
