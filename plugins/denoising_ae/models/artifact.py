"""The files of an artifact: config.json (architecture, sizes, noise) and safetensors (weights, in 16 or 32 bits)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.artifact import safetensors_io
from training.artifact.safetensors_io import CONFIG, WEIGHTS, damaged
from training.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1


def write_config(folder: Path, architecture: str, values: dict[str, Any], indent: int | None = 2) -> None:
    """Write config.json, which `read_config` reads."""
    config = {"format": FORMAT, "architecture": architecture, **values}
    (folder / CONFIG).write_text(json.dumps(config, indent=indent) + "\n", encoding="utf-8")


def read_config(folder: Path, architecture: str) -> dict[str, Any]:
    """The config of an artifact.

    Raises:
        UserError: If it is missing, damaged, or of another architecture or format.
    """
    config = safetensors_io.read_config(folder)
    if config.get("architecture") != architecture or config.get("format") != FORMAT:
        raise UserError(
            f"These weights are {config.get('architecture', 'unknown')} of format {config.get('format', '?')}; "
            f"{architecture} of format {FORMAT} was expected."
        )
    return config


def read_tensors(folder: Path, name: str = WEIGHTS) -> dict[str, Tensor]:
    """All tensors of a safetensors file, in 32 bits.

    Raises:
        UserError: If it is missing or damaged.
    """
    return {name: value.float() for name, value in safetensors_io.read_tensors(folder, name).items()}


@contextmanager
def damaged_weights_refused() -> Iterator[None]:
    """Turn what a network raises on configs and tensors that do not fit it into a UserError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise damaged(error) from error
