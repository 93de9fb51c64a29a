"""The studio's data folder: `SELFSUP_HOME`, by default the platform's folder for user data."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path


def home() -> Path:
    """Return the folder of runs and caches; it is created at the first write."""
    chosen = os.environ.get("SELFSUP_HOME")
    return Path(chosen).expanduser().resolve() if chosen else user_data_path("selfsup-studio", appauthor=False)


def runs_folder() -> Path:
    return home() / "runs"


def is_space() -> bool:
    """Whether this is a Hugging Face Space, where many visitors share one process."""
    return os.environ.get("SYSTEM") == "spaces"
