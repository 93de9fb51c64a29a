"""The files of a folder or of a zip archive, by name: listed and judged first, read when asked for."""

from __future__ import annotations

import os
import threading
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath

from training.data.images.decode import MOST_BYTES
from training.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif")
MOST_FILES = 500_000
MOST_UNPACKED = 20 * 2**30
LEFT_ALONE = ("__MACOSX", ".")  # what a name's parts begin with that systems and tools put there


class Members(ABC):
    """Files by name, names with / between folders, sorted; hidden ones are left out."""

    names: tuple[str, ...]
    source: str

    @abstractmethod
    def read(self, name: str) -> bytes:
        """One file's bytes.

        Raises:
            UserError: If it is too large or damaged.
        """

    @property
    def pictures(self) -> tuple[str, ...]:
        """Those that are pictures by their suffix."""
        return tuple(name for name in self.names if name.lower().endswith(SUFFIXES))


class FolderMembers(Members):
    """The files below a folder; links are followed within it only."""

    def __init__(self, folder: Path):
        self.folder, self.source = folder.resolve(), folder.name
        found = (path for path in self.folder.rglob("*") if path.is_file())
        inside = (path for path in found if path.resolve().is_relative_to(self.folder))
        self.names = _visible(path.relative_to(self.folder).as_posix() for path in inside)

    def read(self, name: str) -> bytes:
        path = self.folder / name
        try:
            if path.stat().st_size > MOST_BYTES:
                raise _too_large(name)
            return path.read_bytes()
        except OSError as error:
            raise UserError(f"{name} cannot be read: {error.strerror}.") from error


class ZipMembers(Members):
    """The files of a zip archive, which is never unpacked to the disk."""

    def __init__(self, path: Path):
        self.path, self.source = path, path.name
        self.infos = _checked(path)
        self.names = _visible(self.infos)
        self._local = threading.local()  # a handle a thread: their reads would wait for each other

    def read(self, name: str) -> bytes:
        try:
            return self._handle().read(self.infos[name])
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, RuntimeError, ValueError) as error:
            raise UserError(f"{name} in {self.source} is damaged ({type(error).__name__}). Make the zip again.") from error  # fmt: skip

    def _handle(self) -> zipfile.ZipFile:
        kept = getattr(self._local, "handle", None)
        if kept is None or kept[0] != os.getpid():  # after a fork parent and child would move one file's position
            kept = self._local.handle = (os.getpid(), zipfile.ZipFile(self.path))
        return kept[1]


def members_of(path: Path) -> Members:
    """The files of a folder or a zip.

    Raises:
        UserError: If it is neither, or an archive that must not be read.
    """
    return FolderMembers(path) if path.is_dir() else ZipMembers(path)


def _checked(path: Path) -> dict[str, zipfile.ZipInfo]:
    """The members of an archive that can be trusted: no name that leaves it, no bomb, no password.

    Raises:
        UserError: Naming the archive and the member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path.name} is a damaged zip archive. Copy or make it again.") from error
    if len(infos) > MOST_FILES:
        raise UserError(f"{path.name} has {len(infos):,} files; at most {MOST_FILES:,} are read.")
    for info in infos:
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise UserError(f"{path.name} has a file that leaves the archive ({info.filename[:80]!r}): nothing of it is read. Make the zip again from inside the folder.")  # fmt: skip
        if info.flag_bits & 1:
            raise UserError(f"{path.name} is encrypted ({info.filename[:80]!r}). Make it without a password.")
        if info.file_size > MOST_BYTES:
            raise _too_large(f"{info.filename[:80]} in {path.name}")
    if sum(info.file_size for info in infos) > MOST_UNPACKED:
        raise UserError(f"{path.name} unpacks to more than {MOST_UNPACKED // 2**30} GiB. Take a part of it.")
    return {info.filename: info for info in infos}


def _visible(names: object) -> tuple[str, ...]:
    kept = [name for name in names if not any(part.startswith(LEFT_ALONE) for part in PurePosixPath(name).parts)]  # type: ignore[attr-defined]
    if len(kept) > MOST_FILES:
        raise UserError(f"There are {len(kept):,} files; at most {MOST_FILES:,} are read.")
    return tuple(sorted(kept))


def _too_large(name: str) -> UserError:
    return UserError(f"{name} unpacks to more than {MOST_BYTES // 2**20} MiB: no picture does. It is not read.")
