"""Weights of networks that are ours: a folder of config.json and safetensors, which no library loads for us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.errors import UserError

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json holds; empty where that is no object.

    Raises:
        UserError: If it is missing or no JSON.
    """
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(error) from error
    return found if isinstance(found, dict) else {}


def read_tensors(folder: Path, name: str = WEIGHTS) -> dict[str, Any]:
    """Everything of a safetensors file.

    Raises:
        UserError: If it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / name)
    except (OSError, SafetensorError) as error:
        raise damaged(error) from error


def damaged(error: Exception) -> UserError:
    """What to tell of a folder that cannot be read."""
    return UserError(
        f"These weights cannot be read ({type(error).__name__}): a file is missing or ends early. Fetch them again."
    )
