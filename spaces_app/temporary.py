"""Temporary results of this server (images, scored files): one folder, swept hourly and removed at the end."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
import time
from pathlib import Path

KEPT_SECONDS = 3600.0  # Gradio has its own copy of what it shows or offers for download
SWEEP_SECONDS = 600.0


def use_own_folder() -> Path:
    """Let `tempfile` make its folders in a new one, which is swept from now on. Returns it."""
    folder = Path(tempfile.mkdtemp(prefix="selfsup-server-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tempfile.tempdir = str(folder)
    threading.Thread(target=_sweep_for_ever, args=(folder,), name="temporary results", daemon=True).start()
    return folder


def sweep(folder: Path, older_than: float = KEPT_SECONDS) -> int:
    """Remove what nothing was written into for so many seconds. Returns how many entries went."""
    removed = 0
    for path in folder.glob("selfsup-*"):  # uploads are Gradio's, which removes them itself
        try:
            if time.time() - path.stat().st_mtime > older_than:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                removed += 1
        except OSError:  # somebody else removed it
            continue
    return removed


def _sweep_for_ever(folder: Path) -> None:
    while folder.exists():
        sweep(folder)
        time.sleep(SWEEP_SECONDS)
