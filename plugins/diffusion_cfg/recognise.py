"""What a folder of weights is: a pipeline, or an autoencoder alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plugins.diffusion_cfg.models import pipeline_io
from training.errors import UserError


class LatentSpace:
    """An autoencoder alone: for the denoiser's training, and to look at."""

    def __init__(self, vae: Any, name: str):
        self.vae, self.name = vae, name


def load_as_made(folder: Path) -> Any:
    """A `Diffuser`, or a `LatentSpace`.

    Raises:
        UserError: If it is neither, or cannot be read.
    """
    if (folder / "model_index.json").is_file():
        from plugins.diffusion_cfg.models.loaded_pipeline import Diffuser

        return Diffuser.load(folder)
    if kind_of(folder) in pipeline_io.AUTOENCODERS:
        return LatentSpace(pipeline_io.read_autoencoder(folder), folder.name)
    raise UserError(f"{folder.name} is no text-to-image pipeline: a folder with model_index.json was expected.")


def kind_of(folder: Path) -> str:
    """The class that a config.json names; empty where there is none."""
    path = folder / "config.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(found.get("_class_name", "")) if isinstance(found, dict) else ""
