"""The files of an artifact: config.json (sizes, noise) and model.safetensors (weights, in 16 or 32 bits)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.artifact import safetensors_io
from training.artifact.safetensors_io import CONFIG, WEIGHTS, damaged, read_config
from training.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from plugins.denoising_ae.models.denoising_cnn import Denoiser
    from plugins.denoising_ae.settings import ImagesSettings

ARCHITECTURE, FORMAT = "Denoiser", 1


def save(model: nn.Module, folder: Path, settings: ImagesSettings) -> None:
    """Write what `load_network` reads."""
    import torch
    from safetensors.torch import save_file

    network: Any = model
    kind = torch.float16 if settings.half_precision else torch.float32
    tensors = {name: value.to("cpu", kind).contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    low, high = settings.levels
    about = {
        "format": FORMAT,
        "architecture": ARCHITECTURE,
        "network": network.config.to_dict(),
        "noise": {"name": settings.noise, "low": low, "high": high, "supervision": settings.supervision},
        "grey_in_colour": settings.channels == "both",
    }
    (folder / CONFIG).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def read_about(folder: Path, architecture: str = ARCHITECTURE) -> dict[str, Any]:
    """The config of an artifact.

    Raises:
        UserError: If it is missing, damaged, or of another format.
    """
    found = read_config(folder)
    if found.get("architecture") != architecture or found.get("format") != FORMAT:
        raise UserError(f"These weights are {found.get('architecture', 'unknown')} of format {found.get('format', '?')}; {architecture} of format {FORMAT} was expected.")  # fmt: skip
    return found


def read_tensors(folder: Path, name: str = WEIGHTS) -> dict[str, Any]:
    """Everything of a safetensors file, in 32 bits.

    Raises:
        UserError: If it is missing or damaged.
    """
    return {name: value.float() for name, value in safetensors_io.read_tensors(folder, name).items()}


def load_network(folder: Path) -> Denoiser:
    """The network of an artifact, in 32 bits.

    Raises:
        UserError: If a file is missing, damaged, or of another format.
    """
    from plugins.denoising_ae.models.denoising_cnn import Denoiser, DenoiserConfig

    about = read_about(folder)
    try:
        model = Denoiser(DenoiserConfig(**about["network"]))
        model.load_state_dict(read_tensors(folder))
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise damaged(error) from error
    return model.eval()
