"""Read config.json and safetensors of the studio's own networks, which no library loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.errors import UserError

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json; empty if it holds no object.

    Raises:
        UserError: If it is missing or no JSON.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(error) from error
    return config if isinstance(config, dict) else {}


def read_tensors(folder: Path, name: str = WEIGHTS) -> dict[str, Any]:
    """Read all tensors of a safetensors file.

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
    """Return the error for a folder that cannot be read."""
    return UserError(
        f"These weights cannot be read ({type(error).__name__}): a file is missing or ends early. Fetch them again."
    )
