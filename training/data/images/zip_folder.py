"""A folder as one file, which is how a run keeps it: copied, fingerprinted, backed up and sent like any other."""

from __future__ import annotations

import zipfile
from pathlib import Path

from training.data.images.archive import FolderMembers

NO_TIME = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path, target: Path) -> None:
    """Write the visible files of a folder as a zip, not compressed again: the same bytes for the same files."""
    members = FolderMembers(folder)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in members.names:
            archive.writestr(zipfile.ZipInfo(name, NO_TIME), members.read(name))
