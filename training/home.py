"""The studio's data folder: `SELFSUP_HOME`, by default the platform's folder for user data."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path

from platformdirs import user_data_path

CACHES = {  # folders of what is made again when it is needed, and what they hold
    "corpora": "texts, tokens and images of training",
    "parsed": "parsed tables",
    "vectors": "sentence vectors",
    "latents": "latents of images",
}
RUN_ID = re.compile(r"[a-z][a-z0-9_]{1,39}-[0-9a-f]{16}")  # also the name of the run's folder


def home() -> Path:
    """Return the folder of runs and caches; it is created at the first write."""
    chosen = os.environ.get("SELFSUP_HOME")
    return Path(chosen).expanduser().resolve() if chosen else user_data_path("selfsup-studio", appauthor=False)


def runs_folder() -> Path:
    return home() / "runs"


def cache_folder(name: str) -> Path:
    """A folder of `CACHES`; what lies there is shown and cleared by `training.data.caches`.

    Raises:
        KeyError: For another name.
    """
    if name not in CACHES:
        raise KeyError(name)
    return home() / name


def is_space() -> bool:
    """Whether this is a Hugging Face Space."""
    return os.environ.get("SYSTEM") == "spaces"


def is_shared() -> bool:
    """Whether many visitors share this server, so that each has to be kept from what is another's.

    A Space is; so is a server that listens on more than the loopback address, which sets `SELFSUP_SHARED` at its start
    for itself and the processes that it starts.
    """
    return is_space() or os.environ.get("SELFSUP_SHARED") == "1"


def bind_name() -> str:
    """The address that the server listens on, by Gradio's own variable."""
    return os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"


def is_loopback(name: str) -> bool:
    """Whether only this machine reaches a server that listens on that address."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"
