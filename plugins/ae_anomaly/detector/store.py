"""Files of an artifact: config.json (columns, sizes) and model.safetensors (weights, reference rows, calibration)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.artifact.safetensors_io import damaged, read_config
from training.data.tabular.encoder import TableEncoder
from training.errors import UserError

ARCHITECTURE = "TableAutoencoder"
FORMAT, BY_TAILS = 2, 3  # 2: scores with the nearest remembered row; 3: and with the tails of each column's errors


def read_detector_config(folder: Path) -> dict[str, Any]:
    """The config of an artifact.

    Raises:
        UserError: If it is missing, damaged, or of another format.
    """
    found = read_config(folder)
    if found.get("architecture") != ARCHITECTURE or found.get("format") not in (FORMAT, BY_TAILS):
        kind = found.get("architecture") or ", ".join(found.get("architectures", [])) or "unknown"
        raise UserError(f"These weights are {kind} of format {found.get('format', '?')}; ae_anomaly reads {ARCHITECTURE} of format {FORMAT} and {BY_TAILS}.")  # fmt: skip
    return found


def read_encoder(folder: Path) -> TableEncoder:
    """The columns that the weights know."""
    try:
        return TableEncoder.from_dict(read_detector_config(folder)["encoder"])
    except (KeyError, TypeError) as error:
        raise damaged(error) from error
