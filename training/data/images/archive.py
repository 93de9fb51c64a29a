"""Files of a folder or a zip archive: listed and checked first, read on access."""

from __future__ import annotations

import io
import os
import weakref
import zipfile
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from training.data.arrow_texts import Texts
from training.data.images.decode import MAX_FILE_BYTES
from training.errors import UserError
from training.home import is_shared

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif")
UNREAD = (
    ".heic", ".heif", ".jxl", ".svg", ".psd", ".ico", ".tga", ".pcx", ".jp2", ".dcm", ".dng", ".cr2", ".nef", ".arw",
)  # fmt: skip
MAX_FILES, MAX_SHARED_FILES = 20_000_000, 500_000  # a server that many use has the smaller limits
MAX_UNPACKED_BYTES, MAX_SHARED_UNPACKED_BYTES = 2**42, 20 * 2**30
LOCAL_HEADER, LOCAL_SIGNATURE = 30, b"PK\x03\x04"  # of a file in an archive, before its name
IGNORED_PREFIXES = ("__MACOSX", ".")  # of names of files and folders that systems and tools create


class Members(ABC):
    """Files by name (with / between folders), sorted, without hidden ones."""

    names: Texts
    source: str

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Read one file.

        Raises:
            UserError: If it is too large or damaged.
        """

    @cached_property
    def image_names(self) -> Texts:
        """Names of the images, known by their suffix."""
        return Texts(name for name in self.names if name.lower().endswith(SUFFIXES))

    def unread_images(self) -> list[str]:
        """Names of images of formats that are not read, known by their suffix."""
        return [name for name in self.names if name.lower().endswith(UNREAD)]


class FolderMembers(Members):
    """Files below a folder; links are followed only within it."""

    def __init__(self, folder: Path):
        self.folder, self.source = folder.resolve(), folder.name
        names: list[str] = []
        for name in _files_below(self.folder):
            names.append(name)
            _check_count(len(names), "There are")
        self.names = Texts(sorted(names))

    def read(self, name: str) -> bytes:
        path = self.folder / name
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise _too_large(name)
            return path.read_bytes()
        except OSError as error:
            raise UserError(f"{name} cannot be read: {error.strerror}.") from error


def _files_below(folder: Path, within: str = "") -> Iterator[str]:
    """Names of the visible files; links to folders are not followed, as they may lead in circles."""
    with os.scandir(folder / within) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(IGNORED_PREFIXES)]
    for entry in visible:
        name = within + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(folder, f"{name}/")
        elif entry.is_file() and (not entry.is_symlink() or (folder / name).resolve().is_relative_to(folder)):
            yield name


class ZipMembers(Members):
    """Files of a zip archive, which is never unpacked to the disk.

    Of each file its place and sizes are kept, 37 bytes. A `zipfile.ZipFile` holds about 600 bytes of each, and again in
    every thread and process that reads.
    """

    def __init__(self, path: Path):
        self.path, self.source = path, path.name
        directory = _checked(path)
        visible = [(name, place) for place, name in enumerate(directory.names) if not _is_ignored(name)]
        visible.sort()
        order = np.asarray([place for _, place in visible], np.int64)
        self.names = Texts(name for name, _ in visible)
        self.numbers = {name: np.asarray(values)[order] for name, values in directory.numbers.items()}
        self._file = os.open(path, os.O_RDONLY)  # read by place, so that threads and forks can share it
        weakref.finalize(self, os.close, self._file)

    def read(self, name: str) -> bytes:
        try:
            info = self._info(name)
            packed = self._packed(info)
            with zipfile.ZipExtFile(io.BytesIO(packed), "r", info, None, True) as file:  # type: ignore[arg-type]
                return file.read()
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, RuntimeError, ValueError) as error:
            reason = f"is damaged ({type(error).__name__}). Make the zip again."
            raise UserError(f"{name} in {self.source} {reason}") from error

    def _info(self, name: str) -> zipfile.ZipInfo:
        place, info = self.names.place(name), zipfile.ZipInfo(name)
        for field, values in self.numbers.items():
            setattr(info, field, int(values[place]))
        return info

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        """The bytes of a file as they lie in the archive, behind a header of its own.

        Raises:
            BadZipFile: If they are not there.
        """
        header = os.pread(self._file, LOCAL_HEADER, info.header_offset)
        if len(header) < LOCAL_HEADER or not header.startswith(LOCAL_SIGNATURE):
            raise zipfile.BadZipFile("no header")
        skipped = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        return os.pread(self._file, info.compress_size, info.header_offset + LOCAL_HEADER + skipped)


class _Directory(zipfile.ZipFile):
    """The directory of an archive: of each file its name, place and sizes, and no record that lasts."""

    def __init__(self, path: Path):
        self.path, self.total = path, 0
        self.names: list[str] = []
        types = {"header_offset": "q", "compress_size": "q", "file_size": "q", "CRC": "q", "compress_type": "h"}
        self.numbers = {field: array(kind) for field, kind in types.items()}
        super().__init__(path)

    @property
    def filelist(self) -> _Directory:  # type: ignore[override] - `ZipFile` appends each file's record to it
        return self

    @filelist.setter
    def filelist(self, value: Sequence) -> None: ...

    @property
    def NameToInfo(self) -> dict:  # type: ignore[override]  # noqa: N802
        return {}

    @NameToInfo.setter
    def NameToInfo(self, value: dict) -> None: ...  # noqa: N802

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        return iter(())

    def append(self, info: zipfile.ZipInfo) -> None:
        if info.is_dir():
            return
        _check_member(info, self.path)
        self.names.append(info.filename)
        self.total += info.file_size
        for field, values in self.numbers.items():
            values.append(getattr(info, field))
        _check_count(len(self.names), f"{self.path.name} has")


def members_of(path: Path) -> Members:
    """Open a folder or a zip archive.

    Raises:
        UserError: If it is neither, or an unsafe archive.
    """
    return FolderMembers(path) if path.is_dir() else ZipMembers(path)


def _checked(path: Path) -> _Directory:
    """Return the directory of an archive after safety checks: no name that leaves it, no bomb, no password.

    Raises:
        UserError: Naming the archive and the member.
    """
    try:
        with _Directory(path) as directory:
            total = directory.total
    except UserError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path.name} is a damaged zip archive. Copy or make it again.") from error
    most = MAX_SHARED_UNPACKED_BYTES if is_shared() else MAX_UNPACKED_BYTES
    if total > most:
        raise UserError(f"{path.name} unpacks to more than {most // 2**30} GiB. Take a part of it.")
    return directory


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    if not parts or ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
        raise UserError(
            f"{path.name} has a file that leaves the archive ({info.filename[:80]!r}): nothing of it is read. "
            "Make the zip again from inside the folder."
        )
    if info.flag_bits & 1:
        raise UserError(f"{path.name} is encrypted ({info.filename[:80]!r}). Make it without a password.")
    if info.file_size > MAX_FILE_BYTES or info.compress_size > MAX_FILE_BYTES:
        raise _too_large(f"{info.filename[:80]} in {path.name}")


def _check_count(count: int, what: str) -> None:
    most = MAX_SHARED_FILES if is_shared() else MAX_FILES
    if count > most:
        raise UserError(f"{what} more than {most:,} files, the most that are read. Give a part of them.")


def _is_ignored(name: str) -> bool:
    return any(part.startswith(IGNORED_PREFIXES) for part in PurePosixPath(name).parts)


def _too_large(name: str) -> UserError:
    return UserError(f"{name} unpacks to more than {MAX_FILE_BYTES // 2**20} MiB: no image does. It is not read.")
