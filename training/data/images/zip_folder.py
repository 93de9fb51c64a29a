"""Pack a folder into one file, so that a run can copy, fingerprint, back up and send it like any other file."""

from __future__ import annotations

import zipfile
from pathlib import Path

from training.data.images.archive import FolderMembers

FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path, target: Path) -> None:
    """Write the visible files of a folder as an uncompressed zip; the same files give the same bytes."""
    members = FolderMembers(folder)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in members.names:
            archive.writestr(zipfile.ZipInfo(name, FIXED_TIME), members.read(name))
