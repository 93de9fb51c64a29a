"""The files of an artifact: config.json (columns, sizes) and model.safetensors (weights, remembered rows, what clean rows score)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.tabular.encoder import TableEncoder

ARCHITECTURE, FORMAT = "TableAutoencoder", 2  # 2: scores with the nearest remembered row
CONFIG, WEIGHTS = "config.json", "model.safetensors"


def read_about(folder: Path) -> dict[str, Any]:
    """The config of an artifact.

    Raises:
        UserError: If it is missing, damaged, or of another format.
    """
    try:
        about = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(error) from error
    if not isinstance(about, dict) or about.get("architecture") != ARCHITECTURE or about.get("format") != FORMAT:
        found = about if isinstance(about, dict) else {}
        kind = found.get("architecture") or ", ".join(found.get("architectures", [])) or "unknown"
        raise UserError(f"These weights are {kind} of format {found.get('format', '?')}; ae_anomaly reads {ARCHITECTURE} of format {FORMAT}.")  # fmt: skip
    return about


def read_encoder(folder: Path) -> TableEncoder:
    """The columns that the weights know."""
    try:
        return TableEncoder.from_dict(read_about(folder)["encoder"])
    except (KeyError, TypeError) as error:
        raise damaged(error) from error


def read_tensors(folder: Path) -> dict[str, Any]:
    """Everything of model.safetensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise damaged(error) from error


def damaged(error: Exception) -> UserError:
    return UserError(
        f"These weights cannot be read ({type(error).__name__}): a file is missing or ends early. Fetch them again."
    )
